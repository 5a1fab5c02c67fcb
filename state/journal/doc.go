// Package journal is a durable sqlite file with one writer. It knows no table: its
// Client does, and names what is to be done in a transaction.
//
// Writing goes through one connection, and whoever finds it idle commits all
// changes that wait at the same time as one transaction (group commit). Each change
// says what it must survive (Durability).
//
// An acknowledged change is in the redo log, a file beside the database, and many such
// changes share one commit: it comes when a change asks for it, when the log is long, and
// at the latest after a moment. Until then the transaction stays open. When it fails, or
// the process dies, the log makes its changes again. The log is never waited for until it
// is on the disk: a power cut may lose what was not synced, and the commit that Sync makes
// needs no log.
//
// A commit does not wait for the disk (synchronous = NORMAL). A durable change does, and
// Sync: with an fsync of sqlite's write-ahead log beside the commits that go on, which many
// callers share.
//
// Reading goes through a pool of other connections, which never block the writer. While
// changes are acknowledged and not committed, it goes through the writer's connection
// instead, between two changes, and sees them in the open transaction. So a read
// does not commit, and a full disk does not make it fail. Only ReadAtLength and Snapshot commit first.
//
// Files of the directory: the database and sqlite's write-ahead log (journal.sqlite,
// journal.sqlite-wal), the redo log (journal.redo), where the write-ahead log ends
// (journal.log-end), and the lock of the process that has the journal open (lock).
//
// Hazards: the directory must be on a local file system (sqlite needs locks; the index of
// its write-ahead log is in the memory of the one process that writes). Functions that
// the journal calls run while nobody else can write: they must not use the journal.
package journal
