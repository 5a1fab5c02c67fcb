// Package project tests the sources: which package may import which, and that the documents name every
// command, flag, metric and exit code.
package project
