// Package target opens the container that a command names, with everything that a long run needs
// around it: retries, the lease, new credentials, and the removal of what was created if the
// command is refused.
package target
