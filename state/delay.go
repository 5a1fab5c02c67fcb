package state

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A mount's changes are committed at the latest so long after they were
// acknowledged, and when commits fail they are tried again after a pause.
const (
	commitDelay = 50 * time.Millisecond
	commitPause = time.Second
)

// delayed is what the writer of a mount has to let many changes share a commit.
// They are acknowledged once they are in the redo log, and their transaction stays
// open. Whoever reads the database has it committed first.
type delayed struct {
	rows     *rows
	recorder recorder
	redoLog  *redoLog
	redone   ledger // as the last record that was made again has it
	late     *time.Timer
	delay    time.Duration
	behind   atomic.Bool // changes were acknowledged that are not committed
}

// openRedo opens the redo log, and commits what a process that was killed has left
// there.
func (w *writer) openRedo() error {
	w.rows, w.delay = newRows(), commitDelay
	var batch int64 // sqlite has signed integers only
	err := w.conn.QueryRowContext(context.Background(), `SELECT batch FROM ledger`).Scan(&batch)
	if err != nil {
		return err
	}
	if w.redoLog, err = openRedoLog(w.journal.dir, uint64(batch), w.journal.uninterrupted); err != nil {
		return err
	}
	w.late = time.AfterFunc(time.Hour, w.commitLate)
	w.late.Stop()
	w.redone = w.committed
	if !w.holds() && !w.redoLog.used {
		return nil
	}
	err = w.commitRedone()
	if err != nil && errors.Is(classify(err), ErrNoSpace) && w.redoLog.release() {
		err = w.commitRedone()
	}
	if err != nil {
		return err
	}
	return w.disk.sync()
}

// commitRedone commits what the redo log holds.
func (w *writer) commitRedone() error {
	if err := w.begin(); err != nil {
		return err
	}
	w.journal.ledger.Store(&w.redone)
	if err := w.end(&w.redone); err != nil {
		w.undo()
		return err
	}
	return nil
}

func (w *writer) closeDelayed() error {
	if w.redoLog == nil {
		return nil
	}
	w.late.Stop()
	var err error
	if w.behind.Load() {
		err = w.commit([]*update{{}})
	}
	return errors.Join(err, w.redoLog.close())
}

// holds reports whether the redo log holds changes that are not committed.
func (w *writer) holds() bool { return w.redoLog != nil && w.redoLog.records > 0 }

// redo makes the changes again that the redo log holds, after a transaction with
// them was lost.
func (w *writer) redo() error {
	if !w.holds() {
		return nil
	}
	return w.redoLog.replay(w.replay)
}

func (w *writer) forget() {
	if w.rows != nil {
		w.rows.forget()
	}
}

// run runs an update of a transaction.
func (w *writer) run(t *tx, u *update) error {
	t.direct = !u.mayWait
	if u.run == nil {
		return nil
	}
	if w.rows == nil {
		return u.run(t)
	}
	w.recorder.on = u.mayWait
	if !u.mayWait {
		if err := w.rows.write(w.mount); err != nil {
			return err
		}
		w.rows.forget()
	}
	return u.run(t)
}

// keep makes sure that the updates of a group survive the death of the process: in
// the redo log, or by a commit.
func (w *writer) keep(t *tx, group []*update) error {
	for _, u := range group {
		if !u.mayWait {
			return w.end(&t.ledger)
		}
	}
	// Nothing: they were queries, or refused.
	nothing := w.recorder.isEmpty() && t.ledger == *w.journal.ledger.Load()
	switch {
	case nothing && w.behind.Load():
		return nil
	case nothing || w.log(w.recorder.end(&t.ledger)) != nil:
		return w.end(&t.ledger)
	}
	if !w.behind.Swap(true) {
		w.late.Reset(w.delay)
	}
	return nil
}

// errLong says that the redo log is so long that it is time for a commit.
var errLong = errors.New("redo log is long")

// log puts what a transaction does into the redo log.
func (w *writer) log(record []byte) error {
	if w.redoLog.isLong(record) {
		return errLong
	}
	if err := w.redoLog.reserve(); err != nil {
		return err
	}
	return w.redoLog.append(record)
}

// writeChanges writes what else belongs to a transaction before it is committed: the
// rows that changed, and the ledger. It returns the batch of the redo log that
// follows.
func (w *writer) writeChanges(l *ledger) (batch uint64, err error) {
	changed := *l != w.committed
	if w.mount == nil {
		if changed {
			err = w.stmts.writeLedger(l)
		}
		return 0, err
	}
	if err := w.rows.write(w.mount); err != nil {
		return 0, err
	}
	batch = w.redoLog.next()
	if changed || batch != w.redoLog.batch {
		err = w.mount.writeLedger(l, batch)
	}
	return batch, err
}

// beginBatch goes on after a commit.
func (w *writer) beginBatch(batch uint64) {
	if w.mount == nil {
		return
	}
	w.redoLog.begin(batch)
	w.rows.limit()
	w.behind.Store(false)
}

// commitLate commits what was acknowledged, when nobody else has done that.
func (w *writer) commitLate() {
	err := w.journal.catchUp(context.Background())
	if err != nil && !errors.Is(err, ErrClosed) {
		w.late.Reset(commitPause)
	}
}

// catchUp commits what was acknowledged, for those who read the database.
func (j *Journal) catchUp(ctx context.Context) error {
	if j.write == nil || !j.write.behind.Load() {
		return nil
	}
	return j.commit(ctx, &update{})
}
