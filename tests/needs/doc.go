// Package needs names what a test needs of its machine.
//
// With -short, as in make check, a test that lacks something is skipped. Without it,
// as in make test and CI, the test fails: a suite that skips in silence proves nothing.
package needs
