// Package cache keeps blobs that never change in a directory on a local disk, and answers later
// reads of them from there.
//
// A [Dir] is the directory. Many processes of one user may use it at a time. A [Container] wraps a
// blob.Container: a Get of a whole immutable blob is answered from the directory, or fills it. All
// other requests pass through.
//
// # Entries
//
// An entry is a file: DIR/CONTAINER/XX/NAME, where CONTAINER is a hash of the container's identity
// and of its address, and XX are the first two bytes of the name. It holds the blob as it is in the
// container, and a trailer with a checksum. If the checksum does not match, the entry is removed
// and fetched again. Entries are written under a temporary name and renamed. They are not synced:
// after a power cut a checksum fails.
//
// # Eviction
//
// The modification time of an entry is the time of its last use, within a minute. If the entries
// take more than [Options.Size] bytes, the least recently used ones are removed, by one process at
// a time. Each process counts its own additions, and scans the directory at intervals for those of
// others. So the entries may exceed the size for a while, but a process adds nothing once it knows
// of an excess of an eighth.
//
// # Immutable, but put again
//
// If the upload of a file is not complete, its blobs may be put again with other bytes. Put and
// Delete therefore remove the entry first, and durably: after a power cut it must not come back.
// The result of a Get that began before the end of a Put is not kept.
//
// # Errors
//
// No error of the directory fails a Get. Put fails if it cannot remove an entry.
package cache
