// Package cache keeps blobs that never change in a directory on a local disk, and
// answers later reads of them from there.
//
// A [Dir] is the directory. It may be used by many processes of one user at a time. A
// [Container] wraps a blob.Container: a Get of a whole blob that its caller calls
// immutable is answered from the directory, or fills it. Everything else passes
// through.
//
// # Entries
//
// An entry is a file: DIR/CONTAINER/XX/NAME, where CONTAINER is a hash of the
// container's identity and of its address, and XX are the first two bytes of the name.
// It holds the blob as it is in the container, and a trailer with a checksum. What
// does not match its checksum is removed and fetched again. Entries are written under
// a temporary name and renamed. They are not synced: after a power cut a checksum
// fails.
//
// # Eviction
//
// The time of modification of an entry is the time when it was used last, give or
// take a minute. If the entries take more than [Options.Size] bytes, those that were
// not used for longest are removed, by one process at a time. Each process counts
// what it adds itself, and goes over the directory now and then for what others add.
// So there may be somewhat more for a while, but a process adds nothing once it knows
// of an eighth too much.
//
// # Immutable, but put again
//
// The blobs of a file whose upload is not complete may be put again with other bytes.
// Put and Delete therefore remove the entry first, and durably: after a power cut it
// must not come back. What a Get brings that began before the end of a Put is not
// kept.
//
// # Errors
//
// No error of the directory fails a Get. Put fails if it cannot remove an entry.
package cache
