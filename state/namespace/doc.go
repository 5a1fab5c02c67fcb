// Package namespace changes names: it creates, links, renames and removes entries of directories, and reads them.
//
//   - An entry (dirent) is a name in a directory. The first name of an inode is in the inode's row; the directory of it
//     is the owner in the name of the inode's blob.
//   - A cookie is the place of an entry in the listing of its directory.
//   - A tombstone is an entry that the container may list in a directory that no longer has it. It is made here, and read
//     by publications (package publish).
//
// Hazards: the checks of a change come before its first statement, because a refused change must leave everything as it was.
// InUse runs within the transaction and must not use the journal.
package namespace
