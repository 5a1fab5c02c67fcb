// Package reclaim gets back room on the disk of the staging directory.
//
// Its nouns: the [Room] is what staging files may still take, and writers wait for it. The [Evictor]
// takes uploaded files, then uploaded blocks, out of staging when the room is low. The [Reaper] removes
// the staging files of inodes that are gone.
//
// # Hazards
//
// The staging file of a removed inode stays until the removal is durable: after a power cut the inode
// would be there again. Files that somebody works on are not evicted, but blocks of them are.
package reclaim
