// Package outcome decides how an error ends a command: the exit code, and the hint for the user.
package outcome
