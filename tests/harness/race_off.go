//go:build !race

package harness

// RaceEnabled: the tests, and so the binary that they build, run under the race detector.
const RaceEnabled = false
