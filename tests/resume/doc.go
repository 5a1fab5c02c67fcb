// Package resume tests that a load goes on after a signal, a kill, a full disk or a power cut, and
// what it may do again then.
package resume
