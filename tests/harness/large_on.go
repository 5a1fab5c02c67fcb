//go:build large

package harness

// large: the tests have the sizes that take too long for every day.
const large = true
