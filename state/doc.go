// Package state is the journal: a sqlite database that is the durable truth
// about a transfer, and the queue that its work is taken from.
//
// Vocabulary:
//
//   - An inode is one object of the container that can have a name: a file,
//     directory, link or device. Its number (Ino) is the sequence number of its
//     handle; the root directory is RootIno.
//   - A dirent is a name in a directory that refers to an inode. An inode has
//     several when hard links are preserved.
//   - A producer (the scan, the mount) adds rows; the engine takes queued rows
//     and records what became of them. Neither knows the other: they meet here.
//
// Every inode is in one State, and moves along it:
//
//	unscanned -> held -> done          a directory: its entries are being listed,
//	                                   then it waits for them to be uploaded
//	queued -> done                     anything else
//	held -> queued -> done             an inode with several links waits until all
//	                                   its names were seen, or the scan is over
//	any -> failed                      the reason is in the failure table
//
// Writing goes through one connection and one goroutine that commits all updates
// which wait at the same time as one transaction (group commit). synchronous is
// FULL: when a method that writes has returned, its change survives a power cut.
// Reading goes through a pool of other connections, which never block the writer.
// Long listings are read in pages, so that no reader holds back a checkpoint.
//
// Hazards: the directory of a journal must be on a local file system (sqlite's
// write-ahead log needs shared memory and locks). Nothing here may ever hold a
// credential.
package state
