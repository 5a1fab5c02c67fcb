// Package fusefs is what all mounts of clfsload share, whatever they show.
//
// A [Mount] is a file system that serves at a mount point. [PreparePoint] makes a directory ready
// for one, [Serve] mounts, and [Mount.Unmount] takes the file system away. [MountOptions] has the
// panic guard: a request that panics fails with EIO, and all others go on. [Await] is how a request
// waits: until what it needs is there, or its caller dies.
//
// fusefs/readonly shows a container, fusefs/writable takes writes, and fusefs/daemon is the process
// around the latter.
//
// # Hazards
//
// A process must never use a mount that it serves: it would wait for itself.
//
// If a process dies, its mount stays and answers ENOTCONN. [PreparePoint] and [ClearDead] remove it.
package fusefs
