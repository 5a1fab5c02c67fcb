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
	Totals
	mountLedger // of a mount alone
}

// Totals counts what the journal knows.
type Totals struct {
	FoundEntries uint64 // names listed, the root included
	FoundInodes  uint64 // objects that they stand for
	FoundBytes   uint64 // contents of regular files
	DoneInodes   uint64 // objects whose blobs are all in the container
	DoneBytes    uint64 // contents of regular files that are done
	Failures     uint64 // entries that could not be listed or transferred
}

const ledgerColumns = `next_ino, last_dirmgr, phase, found_entries, found_inodes, found_bytes, done_inodes, done_bytes, failures`

func readLedger(db *sql.DB) (*ledger, error) {
	var l ledger
	row := db.QueryRow(`SELECT ` + ledgerColumns + `, ` + mountLedgerColumns + ` FROM ledger WHERE id = 1`)
	err := row.Scan(append([]any{&l.nextIno, &l.lastDirMgr, &l.phase, &l.FoundEntries, &l.FoundInodes,
		&l.FoundBytes, &l.DoneInodes, &l.DoneBytes, &l.Failures}, l.mountLedger.fields()...)...)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return &l, nil
}

func (s *statements) writeLedger(l *ledger, batch uint64) error {
	_, err := s.setLedger.Exec(l.nextIno, l.lastDirMgr, l.phase, l.FoundEntries, l.FoundInodes,
		l.FoundBytes, l.DoneInodes, l.DoneBytes, l.Failures, int64(batch))
	return err
}

// Totals returns the counts as of the last commit.
func (j *Journal) Totals() Totals { return j.ledger.Load().Totals }

// Phase returns how far the transfer has come.
func (j *Journal) Phase() Phase { return j.ledger.Load().phase }
