// Package writable is a file system that takes files in, through FUSE: the
// journal holds its names and attributes, staging files hold its contents, and
// the engine, of which this package knows nothing, carries both into a container.
//
// # Where things are
//
// An [FS] answers system calls: names and attributes with the journal, contents with package contents.
// Package inodes remembers what was looked at last, package reclaim gets room for staging files, and package
// adopted reads of an adopted container what the journal does not have.
//
// # How a request is answered
//
// Numbers of nodes are the numbers of inodes in the journal, which are never used
// again. So nothing is kept for a file that is not open, but a few thousand nodes
// that were looked at last. What changes a name or an attribute is one
// transaction of the journal, which is committed when the call returns. fsync
// makes it durable.
//
// Nobody but the kernel changes the mount, so it may keep names, attributes and
// pages for as long as it likes, and calls that change one inode come one after the
// other: the kernel holds its lock. But not for the last words about a file that was
// written: a flush and a release come beside anything else.
//
// # In the background
//
// Closed files that were not changed for a while are settled: made durable and
// handed to the engine. Staging files of removed inodes are removed once their
// removal is durable. When staging is nearly full, what was uploaded is evicted, the
// least recently used first, and writers wait for that.
//
// # Hazards
//
// A process must never use a mount that it serves: it would wait for itself.
//
// Reading does not change access times. A change through a shared mapping is
// written when the kernel writes its pages back.
package writable
