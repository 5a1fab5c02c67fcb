// Package treetest makes containers for the tests of package tree and those
// below it: the golden ones, and small ones that a test builds and then breaks.
package treetest
