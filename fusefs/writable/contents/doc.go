// Package contents has the contents of files: blocks that are in staging files or in the container.
//
// # Vocabulary
//
// A [File] is a regular file that is open, or that a call works on. It has one entry in the [Table],
// whatever number of [Handle]s there are. Its contents are cut into blocks as they will be in the
// container; block 0 is the head of 16 KiB, all others have 8 MiB. A block is local, which is to say
// in the staging file, or remote: it was uploaded and its place in the staging file is a hole. A clean
// block is as it was uploaded, so the journal is told before it is changed.
//
// A file is being written from the first change until it is closed. In that time its size and times
// are in memory and in the staging file; the journal knows only that it is being written, and learns
// the rest when the last handle that may write is flushed, so that a close that returned survives a
// crash.
//
// # Hazards
//
// Bytes are durable in the staging file before the journal is told that a block is no longer remote. The
// journal is told of a block before its bytes change. A crash between the two loses nothing.
//
// A file whose descriptor was closed by one process and is kept by another, which was forked, counts
// as written whole until the other one writes again; it is settled when all have closed it.
package contents
