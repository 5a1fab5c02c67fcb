// Package outcome says how an error ends a command: with which exit code, and what the user can
// do.
package outcome
