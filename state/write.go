package state

import (
	"context"
	"errors"

	"clfsload/state/journal"
)

// What a change survives once it has returned; see the package journal.
const (
	acknowledged = journal.Acknowledged // what it changes by statements must be redoable, and a node by save or insertNode
	committed    = journal.Committed
	durable      = journal.Durable
)

// write makes a change in a transaction.
//
// run may be refused before it has changed anything, the ledger included: by an
// error that is a refusal. A change that is refused takes no other of its group with it.
func (j *Store) write(ctx context.Context, d journal.Durability, run func(*tx) error) error {
	var refused refusal
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
func (b *tables) txFor(d journal.Durability) (*tx, error) {
	t := b.tx
	t.direct = d != acknowledged
	b.recorder.On = !t.direct
	if !t.direct {
		return t, nil
	}
	err := b.rows.write(b.stmts)
	b.rows.drop()
	return t, err
}
