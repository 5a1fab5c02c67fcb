// Package writable is a file system that takes files in, through FUSE: the
// journal holds its names and attributes, staging files hold its contents, and
// the engine, of which this package knows nothing, carries both into a container.
//
// # Vocabulary
//
// A file here is a regular file that is open, or that a call works on: it has one
// entry in a table, whatever number of handles there are. Its contents are cut
// into blocks as they will be in the container; block 0 is the head of 16 KiB,
// all others have 8 MiB. A block is local, which is to say in the staging file, or
// remote: it was uploaded and its place in the staging file is a hole. A clean
// block is as it was uploaded, so the journal has to be told before it is
// changed.
//
// A file is being written from the first change until it is closed. In that
// time its size and times are in memory and in the staging file; the journal
// knows only that it is being written, and learns the rest when the last handle that
// may write is flushed, so that a close that returned survives a crash.
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
//
// A file whose descriptor was closed by one process and is kept by another, which
// was forked, counts as written whole until the other one writes again; it is
// settled when all have closed it.
package writable
