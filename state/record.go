package state

import (
	"database/sql"
	"fmt"
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
	opInsertEntry = opReplayed + iota
	opReplaceEntry
	opDropEntry
	opShareEntry
	opSetBlock
	opDropBlocks
	opAddGarbage
	opAddTombstone
	opHandTombstones
	opPassTombstones
)

// recorder gathers what the updates of a transaction do, for the redo log.
type recorder struct {
	codec
	on bool
}

func (r *recorder) begin() { r.data = r.data[:0] }

func (r *recorder) isEmpty() bool { return len(r.data) == 0 }

func (r *recorder) operation(op int) { number(&r.codec, &op) }

func (r *recorder) node(op int, n *Node) {
	if r.on {
		r.operation(op)
		r.codec.node(n)
	}
}

func (r *recorder) statement(op int, args []any) error {
	if !r.on {
		return nil
	}
	r.operation(op)
	for i := range args {
		if err := r.value(&args[i]); err != nil {
			return err
		}
	}
	return nil
}

// end returns the record, with the ledger.
func (r *recorder) end(l *ledger) []byte {
	r.operation(opLedger)
	r.ledger(l)
	return r.data
}

// A redoable is a statement that the redo log can hold.
type redoable struct {
	*sql.Stmt
	op, arguments int
	recorder      *recorder
}

// Exec executes the statement, and records it.
func (s *redoable) Exec(args ...any) (sql.Result, error) {
	result, err := s.Stmt.Exec(args...)
	if err == nil {
		err = s.recorder.statement(s.op, args)
	}
	return result, err
}

// replay does what a record says, within a transaction.
func (w *writer) replay(record []byte) error {
	c := &codec{data: record, reading: true}
	for len(c.data) > 0 && !c.short {
		var op int
		number(c, &op)
		if err := w.replayOperation(op, c); err != nil {
			return err
		}
	}
	if c.short {
		return fmt.Errorf("%w: a record of the redo log ends early", ErrDamaged)
	}
	return nil
}

func (w *writer) replayOperation(op int, c *codec) error {
	switch op {
	case opLedger:
		w.redone = w.committed
		c.ledger(&w.redone)
		return nil
	case opAdded:
		var n Node
		c.node(&n)
		w.rows.add(&n)
		return nil
	case opChanged:
		return w.replayChange(c)
	}
	return w.replayStatement(op, c)
}

func (w *writer) replayChange(c *codec) error {
	var n Node
	c.node(&n)
	t := &tx{mount: w.mount, rows: w.rows}
	if _, err := t.node(n.Ino); err != nil || c.short { // it has to be known what the row has
		return err
	}
	w.rows.change(&n)
	return nil
}

func (w *writer) replayStatement(op int, c *codec) error {
	for _, s := range w.mount.redoables() {
		if s.op != op {
			continue
		}
		args := make([]any, s.arguments)
		for i := range args {
			if err := c.value(&args[i]); err != nil {
				return err
			}
		}
		_, err := s.Stmt.Exec(args...)
		return err
	}
	return fmt.Errorf("%w: operation %d in the redo log", ErrDamaged, op)
}
