package schema

import (
	"database/sql"
	"fmt"
)

// Phase is how far a transfer has come.
type Phase int

const (
	PhaseNew      Phase = iota // the container has no bucket object yet
	PhaseTransfer              // listing and uploading
	PhaseComplete              // published: the root inode stands
)

// Ledger is the row of numbers that change with every transaction.
type Ledger struct {
	NextIno    Ino
	LastDirMgr uint8
	Phase      Phase
	Found
	NamespaceLedger
}

// Found counts what a scan has found.
type Found struct {
	FoundEntries uint64 // names listed, the root included
	FoundInodes  uint64 // objects that they stand for
	FoundBytes   uint64 // contents of regular files
	Failures     uint64 // entries that could not be listed or transferred
}

// Totals counts what the journal of a load knows.
type Totals struct {
	Found
	DoneInodes uint64 // objects whose blobs are all in the container
	DoneBytes  uint64 // contents of regular files that are done
}

const LedgerColumns = `next_ino, last_dirmgr, phase, found_entries, found_inodes, found_bytes, failures, ` + NamespaceLedgerColumns

// Fields are those of LedgerColumns.
func (l *Ledger) Fields() []any {
	return append([]any{&l.NextIno, &l.LastDirMgr, &l.Phase, &l.FoundEntries, &l.FoundInodes, &l.FoundBytes, &l.Failures},
		l.NamespaceLedger.fields()...)
}

func ReadLedger(db *sql.DB) (*Ledger, error) {
	var l Ledger
	if err := db.QueryRow(`SELECT ` + LedgerColumns + ` FROM ledger WHERE id = 1`).Scan(l.Fields()...); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return &l, nil
}
