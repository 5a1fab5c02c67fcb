package state

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

// ledger is the row of numbers that change with every transaction.
type ledger struct {
	nextIno    Ino
	lastDirMgr uint8
	phase      Phase
	found
	namespaceLedger
}

// found counts what a scan has found.
type found struct {
	FoundEntries uint64 // names listed, the root included
	FoundInodes  uint64 // objects that they stand for
	FoundBytes   uint64 // contents of regular files
	Failures     uint64 // entries that could not be listed or transferred
}

// Totals counts what the journal of a load knows.
type Totals struct {
	found
	DoneInodes uint64 // objects whose blobs are all in the container
	DoneBytes  uint64 // contents of regular files that are done
}

const ledgerColumns = `next_ino, last_dirmgr, phase, found_entries, found_inodes, found_bytes, failures, ` + namespaceLedgerColumns

// fields are those of ledgerColumns.
func (l *ledger) fields() []any {
	return append([]any{&l.nextIno, &l.lastDirMgr, &l.phase, &l.FoundEntries, &l.FoundInodes, &l.FoundBytes, &l.Failures},
		l.namespaceLedger.fields()...)
}

func readLedger(db *sql.DB) (*ledger, error) {
	var l ledger
	if err := db.QueryRow(`SELECT ` + ledgerColumns + ` FROM ledger WHERE id = 1`).Scan(l.fields()...); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return &l, nil
}
