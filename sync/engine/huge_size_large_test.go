//go:build large

package engine

// hugeSize is the size of the largest file of the tests, in bytes.
const hugeSize = 10_000_000_000_000
