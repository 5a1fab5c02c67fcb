package journal

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// commitPause is how long after a commit that failed it is tried again.
const commitPause = time.Second

// keptPages is how many pages (of 4 KiB) a transaction changes in memory before sqlite
// writes any of them to its log. What the redo log holds changes fewer: so to have it in
// the open transaction takes no room on the disk.
const keptPages = 8192

// delayed is what the writer has to let many changes share a commit. They are
// acknowledged once they are in the redo log, and their transaction stays open.
type delayed struct {
	redoLog *redoLog
	late    *time.Timer
	delay   time.Duration
	behind  atomic.Bool // changes were acknowledged that are not committed
}

// openRedo opens the redo log, and commits what a process that was killed has left
// there.
func (w *writer) openRedo(f *File, batch uint64) (err error) {
	if w.redoLog, err = openRedoLog(f.dir, batch, f.uninterrupted); err != nil {
		return err
	}
	w.delay = f.options.CommitDelay
	w.late = time.AfterFunc(time.Hour, w.commitLate)
	w.late.Stop()
	if !w.holds() && !w.redoLog.used {
		return nil
	}
	err = w.commitRedone()
	if err != nil && errors.Is(Classify(err), ErrNoSpace) && w.redoLog.release() {
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
	w.client.Begin()
	if err := w.end(); err != nil {
		w.undo()
		return err
	}
	w.client.Accept()
	return nil
}

func (w *writer) closeDelayed() error {
	w.late.Stop()
	var err error
	if w.behind.Load() {
		err = w.commit([]*change{{}})
	}
	return errors.Join(err, w.redoLog.close())
}

// holds reports whether the redo log holds changes that are not committed.
func (w *writer) holds() bool { return w.redoLog.records > 0 }

// redo makes the changes again that the redo log holds, after a transaction with
// them was lost.
func (w *writer) redo() error {
	if !w.holds() {
		return nil
	}
	return w.redoLog.replay(w.client.Redo)
}

// keep makes sure that the changes of a group survive the death of the process: in
// the redo log, or by a commit.
func (w *writer) keep(group []*change) error {
	for _, c := range group {
		if !c.mayWait {
			return w.end()
		}
	}
	record := w.client.Record() // nil: they were refused
	switch {
	case record == nil && w.behind.Load():
		return nil
	case record == nil || w.log(record) != nil:
		return w.end()
	}
	if !w.behind.Swap(true) {
		w.late.Reset(w.delay)
	}
	return nil
}

// errLong says that the redo log is so long that it is time for a commit.
var errLong = errors.New("redo log is long")

// log puts what a group does into the redo log.
func (w *writer) log(record []byte) error {
	if w.redoLog.isLong(record) {
		return errLong
	}
	if err := w.redoLog.reserve(); err != nil {
		return err
	}
	return w.redoLog.append(record)
}

// commitLate commits what was acknowledged, when nobody else has done that.
func (w *writer) commitLate() {
	err := w.catchUp(context.Background())
	if err != nil && !errors.Is(err, ErrClosed) {
		w.late.Reset(commitPause)
	}
}

// catchUp commits what was acknowledged.
func (w *writer) catchUp(ctx context.Context) error {
	if !w.behind.Load() {
		return nil
	}
	return w.submit(ctx, &change{})
}
