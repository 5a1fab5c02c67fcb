// Package target opens the container that a command names, with all that a long run needs around
// it: requests that are repeated, the lease, new credentials, and what is taken back if the
// command is refused.
package target
