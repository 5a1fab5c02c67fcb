package store

import (
	"context"
	"errors"

	"clfsload/state/journal"
	"clfsload/state/schema"
)

// What a change survives once it has returned; see the package journal.
const (
	Acknowledged = journal.Acknowledged // what it changes by statements must be redoable, and a node by save or insertNode
	Committed    = journal.Committed
	Durable      = journal.Durable
)

// Write makes a change in a transaction.
//
// run may be refused before it has changed anything, the ledger included: by an
// error that is a refusal. A change that is refused takes no other of its group with it.
func (j *Store) Write(ctx context.Context, d journal.Durability, run func(*Tx) error) error {
	var refused schema.Refusal
	err := j.file.Write(ctx, d, func() error {
		refused = nil
		t, err := j.tables.txFor(d)
		if err == nil {
			err = run(t)
		}
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

// txFor returns the transaction for a change. One that is committed at once changes rows by
// statements, and finds none in memory.
func (b *tables) txFor(d journal.Durability) (*Tx, error) {
	t := b.tx
	t.direct = d != Acknowledged
	b.recorder.On = !t.direct
	if !t.direct {
		return t, nil
	}
	err := b.rows.write(b.stmts)
	b.rows.drop()
	return t, err
}
