package store

import (
	"database/sql"
	"fmt"

	"clfsload/state/journal"
	"clfsload/state/schema"
)

// Operations of a record of the redo log; statements have numbers of their own. A
// number must never get another meaning.
const (
	opLedger   = 1 // the ledger as it is once the record is applied: the last operation
	opAdded    = 2 // a node that is new
	opChanged  = 3 // a node as it is now
	opReplayed = 16
)

// Statements that may be in a record.
const (
	OpInsertEntry = opReplayed + iota
	OpReplaceEntry
	OpDropEntry
	OpShareEntry
	opSetBlock
	opDropBlocks
	OpAddGarbage
	OpAddTombstone
	OpSucceed
)

// recorder is the journal's for what the updates of a transaction do.
type recorder struct{ journal.Recorder }

func (r *recorder) node(op int, n *schema.Node) {
	if r.On {
		r.Operation(op)
		schema.Codec{Codec: &r.Codec}.Node(n)
	}
}

// end returns the record, with the ledger.
func (r *recorder) end(l *schema.Ledger) []byte {
	r.Operation(opLedger)
	schema.Codec{Codec: &r.Codec}.Ledger(l)
	return r.Data
}

// Redoable is a statement that the redo log can hold.
type Redoable struct {
	Statement
	op, arguments int
}

// redoables are all of them, by their operations.
var redoables = map[int]Redoable{}

func NewRedoable(op, arguments int, query string) Redoable {
	s := Redoable{NewStatement(query), op, arguments}
	redoables[op] = s
	return s
}

// Exec executes the statement, and records it.
func (s Redoable) Exec(t *Tx, args ...any) (sql.Result, error) {
	result, err := s.Statement.Exec(t, args...)
	if err == nil {
		err = t.recorder.Statement(s.op, args)
	}
	return result, err
}

// Redo does what a record says, within a transaction.
func (b *tables) Redo(record []byte) error {
	c := schema.Codec{Codec: &journal.Codec{Data: record, Reading: true}}
	for len(c.Data) > 0 && !c.Short {
		var op int
		schema.Number(c, &op)
		if err := b.redo(op, c); err != nil {
			return err
		}
	}
	if c.Short {
		return fmt.Errorf("%w: a record of the redo log ends early", journal.ErrDamaged)
	}
	return nil
}

func (b *tables) redo(op int, c schema.Codec) error {
	switch op {
	case opLedger:
		l := b.saved.Ledger
		c.Ledger(&l)
		b.redone = &l
		return nil
	case opAdded:
		var n schema.Node
		c.Node(&n)
		b.rows.add(&n)
		return nil
	case opChanged:
		return b.redoChange(c)
	}
	return b.redoStatement(op, c)
}

func (b *tables) redoChange(c schema.Codec) error {
	var n schema.Node
	c.Node(&n)
	t := &Tx{Stmts: b.stmts, rows: b.rows}
	if _, err := t.Node(n.Ino); err != nil || c.Short { // it has to be known what the row has
		return err
	}
	b.rows.change(&n)
	return nil
}

func (b *tables) redoStatement(op int, c schema.Codec) error {
	s, known := redoables[op]
	if !known {
		return fmt.Errorf("%w: operation %d in the redo log", journal.ErrDamaged, op)
	}
	args := make([]any, s.arguments)
	for i := range args {
		if err := c.Value(&args[i]); err != nil {
			return err
		}
	}
	_, err := b.stmts[s.Statement].Exec(args...)
	return err
}
