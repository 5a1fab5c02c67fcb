//go:build !large

package tests

// large: the tests have the sizes that take too long for every day.
const large = false
