// Package garbage says which blobs of the container nothing needs any more, and when they may be deleted.
//
//   - Garbage is a row: a blob, a run of segments of one generation, or what another program has put (Foreign), of which
//     only the id is known. It is free once the inode that does without it has been put.
//   - A version is the number of an inode's blob. Abandon, Reown and RecordVersion keep the rule that no
//     blob is put under a name that may ever have been deleted.
//   - NamesOf lists what follows from the row of a removed node.
//
// Hazards: nothing is free while a publication is under way, or was cut off. Whoever deletes must not run while a
// put is under way.
package garbage
