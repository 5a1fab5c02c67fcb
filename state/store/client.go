package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"clfsload/state/journal"
	"clfsload/state/schema"
)

var setLedgerStmt = NewStatement(`INSERT OR REPLACE INTO ledger (id, batch, ` + schema.LedgerColumns + `) VALUES (1, ?` + strings.Repeat(", ?", strings.Count(schema.LedgerColumns, ",")+1) + `)`)

// checkpointPages is how long the write-ahead log grows (in 4 KiB pages)
// before it is copied into the database.
const checkpointPages = 8192

// mountCheckpointPages is that of a mount, whose many small commits change
// the same pages again and again: the longer the log, the fewer are copied.
const mountCheckpointPages = 32768

// CommitDelay is when a mount's changes are committed at the latest.
var CommitDelay = 50 * time.Millisecond

// ledgerRow is the ledger, and the batch of the redo log that goes on from there.
type ledgerRow struct {
	schema.Ledger
	batch uint64
}

// tables are the tables of a journal, for the package that keeps its file.
type tables struct {
	journal *Store
	stmts   statements
	saved   ledgerRow      // as it is in the database
	flushed ledgerRow      // as the transaction has it
	redone  *schema.Ledger // as the record has it that was made again last; nil: it is accepted

	tx       *Tx
	rows     *rows
	recorder recorder
}

// Open reads the settings and the ledger.
func (b *tables) Open(db *sql.DB) (o journal.Options, err error) {
	j := b.journal
	if j.Settings, err = schema.ReadSettings(db); err != nil {
		return o, err
	}
	first, err := schema.ReadLedger(db)
	if err != nil {
		return o, err
	}
	j.ledger.Store(first)
	o = journal.Options{CheckpointPages: checkpointPages, CommitDelay: CommitDelay, Frequent: frequentQueries}
	if j.Settings.Kind == schema.KindMount {
		o.CheckpointPages = mountCheckpointPages
	}
	return o, nil
}

// Prepare prepares the statements that write.
func (b *tables) Prepare(conn *sql.Conn) (batch uint64, err error) {
	if b.stmts, err = prepareStatements(conn); err != nil {
		return 0, err
	}
	var signed int64 // sqlite has signed integers only
	if err := conn.QueryRowContext(context.Background(), `SELECT batch FROM ledger`).Scan(&signed); err != nil {
		return 0, err
	}
	b.saved = ledgerRow{*b.journal.ledger.Load(), uint64(signed)}
	b.flushed = b.saved
	return b.saved.batch, nil
}

func (b *tables) Close() error { return b.stmts.close() }

func (b *tables) Begin() {
	l := b.journal.ledger.Load()
	if b.redone != nil {
		l, b.redone = b.redone, nil
	}
	b.recorder.Begin()
	b.tx = &Tx{Stmts: b.stmts, Settings: &b.journal.Settings, Ledger: *l,
		rows: b.rows, recorder: &b.recorder}
}

func (b *tables) Record() []byte {
	if b.recorder.IsEmpty() && b.tx.Ledger == *b.journal.ledger.Load() {
		return nil
	}
	return b.recorder.end(&b.tx.Ledger)
}

// Flush writes the rows that changed, and the ledger with the batch.
func (b *tables) Flush(batch uint64) error {
	if err := b.rows.write(b.stmts); err != nil {
		return err
	}
	row := ledgerRow{b.tx.Ledger, batch}
	if row == b.flushed {
		return nil
	}
	if err := b.stmts.writeLedger(&row.Ledger, batch); err != nil {
		return err
	}
	b.flushed = row
	return nil
}

func (b *tables) Accept() {
	b.journal.ledger.Store(&b.tx.Ledger)
	if b.tx.Queued {
		b.journal.wake.broadcast()
	}
}

func (b *tables) Committed() {
	b.saved = b.flushed
	b.rows.limit()
}

func (b *tables) RolledBack() {
	b.rows.drop()
	b.redone, b.flushed = nil, b.saved
}

func (s statements) writeLedger(l *schema.Ledger, batch uint64) error {
	_, err := s[setLedgerStmt].Exec(append([]any{int64(batch)}, l.Fields()...)...)
	return err
}
