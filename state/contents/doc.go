// Package contents says where the contents of files are: in staging, in the container, or in both.
//
//   - A file is dirty while it is written. Settle queues it once its staged bytes are on the disk.
//   - A block has a row while the file's row does not say all of it. A block may be uploaded early (QueueBlock).
//   - Seal: all dirty blocks of a file are in the container; it begins the next generation.
//   - Evict: contents that are in the container leave staging. Restage takes that back.
//   - An image is the inode payload that waits for the next publication.
//
// Hazards: a row of the state BlockDirty keeps its generation. If that is the node's Next, an upload may be under way, and
// its late answer must not count.
package contents
