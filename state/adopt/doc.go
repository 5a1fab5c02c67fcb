// Package adopt takes up what a container had before the journal.
//
// A journal that adopts a container begins with the root alone. A directory is read from the container when it
// is first used: its entries become Remote nodes, of which the id and the name are known. A node is read when it is first
// looked at. What needs more than was read is refused with schema.Unread; whoever can read the container adopts that and
// repeats the call.
//
//   - AdoptEntries and EndListing take up a directory, AdoptNode an inode.
//   - A backlink is a link from a directory that was not read yet. An odd id is the id of an inode whose number is not that of
//     its handle.
//   - DropEntries is the reverse: entries that can be read again leave the journal.
//
// Hazards: one caller at a time may list a directory.
package adopt
