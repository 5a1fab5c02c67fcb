// Package blobs names, encodes, puts and reads back the objects of a container: inodes,
// indirect blocks and segments.
//
// Its nouns: a stored inode is the one that the container has. The newest payload of an inode may
// be in the journal instead, until a publication puts it. The base of an adopted inode is its
// newest payload; another program may have written it. An object is in reach when a reader may
// find it from the root.
//
// Hazards: an object that a reader may use at once must be put with [Store.PutInReach], and
// after everything that it refers to is durable. The base of an inode may have flags, records and
// ids that the journal does not know; a new version must keep them.
package blobs
