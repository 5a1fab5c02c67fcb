// Package state is the journal: a sqlite database that is the durable truth
// about a transfer, and the queue that its work is taken from.
//
// The package itself opens a journal and has the names that its callers use. The rest is in packages below it, one for each
// topic; each has a type that Journal embeds:
//
//   - schema: the tables, and the values of their rows; store: transactions
//   - garbage: blobs that nothing needs any more
//   - namespace: entries of directories; contents: where the contents of files are
//   - adopt: what the container had before the journal; scan: what a source tree has
//   - upload: the engine's queue; publish: what publications ask; recovery: files whose writer was cut off
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
//	queued -> done                     as a scan has found it, to be uploaded; its blobs
//	                                   are in the container
//	linking -> queued -> done          a scan has found one of several links: it waits until
//	                                   all were seen, or the scan is over
//	dirty -> queued -> done            changed by a call; settled, to be uploaded
//	dirty -> queued -> sealed -> done  what is published already: its contents are
//	                                   uploaded, its inode waits for a publication
//	held -> done                       a directory: the next publication writes it
//	queued, held -> failed             a load could not read it: the reason is in the
//	                                   failure table, until RetryFailures
//	any -> removed                     without a name: forgotten once nothing needs
//	                                   its blobs
//
// What a scan needs beside the namespace has tables of its own: the directories that are to be
// listed (unscanned), where the next link to an inode of the source goes (source_link), and what
// failed (failure).
//
// Every change brings a node back to dirty or held, and has a number (Seq). What
// is done about a node counts only if that number is what it was.
//
// The rules that keep a reader of the container safe are kept here:
//
//   - No blob is put under a name that may ever have been deleted. An inode's
//     blob is named by its owner and a version: the version grows with each put
//     that is recorded, and when the owner changes although a put may have begun.
//     A segment is named by its generation: each seal (all that was dirty is
//     uploaded) begins the next one.
//   - What may be in the container and is not needed any more is in the table of
//     garbage, or follows from a node's row (NamesOf). It is free once the inode
//     that did without it has been put. A run of segments is one row of garbage.
//   - An upload reserves blocks before it puts them (Reserved, ReserveBlocks), a part of
//     a large file at a time; a block that is uploaded early has a row. So a sparse
//     file that is cut or removed costs what was uploaded of it.
//   - Readers take the highest version of an inode. So only publications put the inode
//     of a node that is in reach (PutPub), and until one is complete nothing that it
//     replaces is free.
//   - A publication works on a Snapshot, while the namespace changes. If a node changes its
//     first directory meanwhile, the blob name that the snapshot uses is queued for
//     deletion. Recording the put removes it from that queue.
//   - What the container may list beside the entries of a directory is in the table of
//     tombstones (package publish). docs/design.md, "How a publication goes", has the rules.
//
// The file of the journal, its one writer and its redo log are the business of the package
// journal below this one. Each change says what it survives once it has returned. That of a
// load is durable. What a mount's callers do all the time is acknowledged; what the
// engine records is committed; what must not come back after a power cut is durable.
//
// Reading sees all that is acknowledged. Long listings are read in pages, so that no
// reader holds up changes, or holds back a checkpoint; only a Snapshot does that, for as
// long as a publication takes. Another process can look (OpenReadOnly) while no process
// writes, and sees a mount as of its last commit.
//
// Hazards: the directory of a journal must be on a local file system (sqlite
// needs locks; the index of its write-ahead log is in the memory of the one process that writes). Nothing here may ever hold a
// credential. Callbacks that methods take (inUse) run within a transaction: they
// must not use the journal.
package state
