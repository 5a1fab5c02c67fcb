//go:build race

package tests

// raceEnabled: the tests, and so the binary that they build, run under the race detector.
const raceEnabled = true
