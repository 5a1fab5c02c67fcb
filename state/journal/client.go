package journal

import (
	"database/sql"
	"time"
)

// Format marks a database as one of a client's.
type Format struct {
	Application int // sqlite's application_id
	Version     int // sqlite's user_version, of the schema
}

// Options are what a client wants of its journal.
type Options struct {
	// CheckpointPages is how long the write-ahead log grows (in 4 KiB pages) before it
	// is copied into the database.
	CheckpointPages int
	// CommitDelay is when a change that was acknowledged is committed at the latest.
	CommitDelay time.Duration
	// Frequent are the texts of queries that are asked all the time: they are prepared
	// once.
	Frequent []string
}

// A Client has the tables of a journal. It may keep in memory what its changes make of
// rows, until the journal asks for it. Its methods are called by one goroutine at a time:
// at the start, or by whoever may write. They must not use the journal.
type Client interface {
	// Open reads what the client has to know before anything is written.
	Open(db *sql.DB) (Options, error)
	// Prepare prepares statements of the connection that writes. It returns the batch that
	// was saved last.
	Prepare(conn *sql.Conn) (batch uint64, err error)
	// Close closes those statements.
	Close() error

	// Redo makes changes again, in a transaction, that Record has returned.
	Redo(record []byte) error
	// Begin begins a group of changes, after those that were accepted and made again.
	Begin()
	// Record returns what the changes of the group are, for Redo; nil: nothing. It is
	// valid until the next Begin.
	Record() []byte
	// Flush executes what is kept in memory, in the transaction: then the tables have all
	// changes, and the number of the batch.
	Flush(batch uint64) error
	// Accept says that all are to see the changes of the group from now on.
	Accept()

	// Committed says that the transaction is committed, after Flush.
	Committed()
	// RolledBack says that it is lost, and with it what was not accepted.
	RolledBack()
}
