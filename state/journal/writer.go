package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// maxGroup bounds the changes of one transaction, so that its memory is bounded.
const maxGroup = 256

// change waits to be made. run must be repeatable: it is run again when another change of
// its group fails.
type change struct {
	run     func() error // nil: what was acknowledged is to be committed
	mayWait bool         // the redo log may hold it for a while; else it is committed at once
	done    chan error
}

// writer owns the one connection that writes. Whoever has a change and finds the
// connection idle commits it, together with all others that wait by then: a change
// that comes alone costs no switch between goroutines.
type writer struct {
	client                      Client
	db                          *sql.DB
	conn                        *sql.Conn
	frequent                    map[string]*sql.Stmt
	beginTx, commitTx, rollback *sql.Stmt

	open bool // a transaction is under way
	delayed

	disk    disk
	queue   chan *change
	turn    chan struct{} // holds one element while the connection is idle
	closing chan struct{} // closed when no change is taken any more
	stopped chan struct{} // closed when all that were taken are committed
}

func newWriter(f *File, path string) (*writer, error) {
	db, err := openDB(path, writerCacheKiB, "mode=rw")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{client: f.client, db: db, queue: make(chan *change, maxGroup), turn: make(chan struct{}, 1),
		closing: make(chan struct{}), stopped: make(chan struct{})}
	if err := w.prepare(f); err != nil {
		return nil, errors.Join(err, w.disk.release(), db.Close())
	}
	w.turn <- struct{}{}
	return w, nil
}

func (w *writer) prepare(f *File) error {
	var err error
	if w.conn, err = w.db.Conn(context.Background()); err != nil {
		return err
	}
	for _, pragma := range []string{
		fmt.Sprintf(`PRAGMA wal_autocheckpoint = %d`, f.options.CheckpointPages),
		fmt.Sprintf(`PRAGMA cache_spill = %d`, keptPages),
	} {
		if _, err := w.conn.ExecContext(context.Background(), pragma); err != nil {
			return err
		}
	}
	batch, err := w.client.Prepare(w.conn)
	if err != nil {
		return err
	}
	if err := w.prepareStatements(f.options.Frequent); err != nil {
		return err
	}
	if err := w.disk.open(f.dir); err != nil {
		return err
	}
	if err := w.openRedo(f, batch); err != nil {
		return err
	}
	w.disk.begin()
	return nil
}

func (w *writer) prepareStatements(frequent []string) error {
	var err error
	if w.frequent, err = prepareAll(w.conn, frequent); err != nil {
		return err
	}
	own, err := prepareAll(w.conn, []string{`BEGIN IMMEDIATE`, `COMMIT`, `ROLLBACK`})
	if err != nil {
		return err
	}
	w.beginTx, w.commitTx, w.rollback = own[`BEGIN IMMEDIATE`], own[`COMMIT`], own[`ROLLBACK`]
	return nil
}

func (w *writer) close() error {
	close(w.closing)
	<-w.turn
	for len(w.queue) > 0 {
		w.commitWaiting()
	}
	err := w.closeDelayed()
	close(w.stopped)
	// A connection with statements left is not closed by sqlite, and its log stays.
	for _, stmt := range w.frequent {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, w.beginTx.Close(), w.commitTx.Close(), w.rollback.Close(), w.client.Close(),
		w.disk.close(), w.conn.Close(), w.db.Close())
}

// submit makes a change, in a group with others that wait. After Close it returns ErrClosed.
func (w *writer) submit(ctx context.Context, c *change) error {
	c.done = make(chan error, 1)
	select {
	case <-w.closing:
		return ErrClosed
	default:
	}
	select {
	case w.queue <- c:
	case <-w.stopped:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// Once it is queued its outcome must be known: what is in the journal and what
	// the caller believes may not differ.
	return w.await(c)
}

// await commits what waits, or lets another do it, until that was the change's
// turn.
func (w *writer) await(c *change) error {
	for {
		select {
		case err := <-c.done:
			return err
		case <-w.turn:
			w.commitWaiting()
			w.turn <- struct{}{}
		case <-w.stopped:
			select {
			case err := <-c.done: // it was among the last
				return err
			default:
				return ErrClosed
			}
		}
	}
}

// commitWaiting commits a group of what waits, if anything does.
func (w *writer) commitWaiting() {
	select {
	case c := <-w.queue:
		w.commitGroup(w.gather(c))
	default:
	}
}

func (w *writer) commitGroup(group []*change) {
	err := w.commit(group)
	if err != nil && len(group) > 1 {
		w.commitEach(group)
		return
	}
	for _, c := range group {
		c.done <- err
	}
}

// gather takes what waits in the queue, up to maxGroup changes.
func (w *writer) gather(first *change) []*change {
	group := []*change{first}
	for len(group) < maxGroup {
		select {
		case c := <-w.queue:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// commitEach keeps one failing change from taking the others with it.
func (w *writer) commitEach(group []*change) {
	for _, c := range group {
		c.done <- w.commit([]*change{c})
	}
}

// commit makes the changes of a group, all or none. What was acknowledged and is
// not committed has its room on a full disk.
func (w *writer) commit(group []*change) error {
	err := w.tryCommit(group)
	if errors.Is(err, ErrNoSpace) && w.holds() && w.redoLog.release() {
		err = w.tryCommit(group)
	}
	return err
}

func (w *writer) tryCommit(group []*change) error {
	if err := w.begin(); err != nil {
		return fmt.Errorf("begin journal transaction: %w", Classify(err))
	}
	err := w.runGroup(group)
	if err == nil {
		err = w.keep(group)
	}
	if err != nil {
		w.undo()
		return fmt.Errorf("write journal: %w", Classify(err))
	}
	w.client.Accept()
	return nil
}

// begin begins a transaction, if none is under way.
func (w *writer) begin() error {
	if w.open {
		return nil
	}
	if _, err := w.beginTx.Exec(); err != nil {
		return err
	}
	w.open = true
	err := w.redo()
	if err != nil {
		w.undo()
	}
	return err
}

// undo takes back what is not committed.
func (w *writer) undo() {
	// After some errors (disk full) sqlite has rolled back by itself.
	_, _ = w.rollback.Exec()
	w.open = false
	w.client.RolledBack()
}

func (w *writer) runGroup(group []*change) error {
	w.client.Begin()
	for _, c := range group {
		if c.run == nil {
			continue
		}
		if err := c.run(); err != nil {
			return err
		}
	}
	return nil
}

// end commits the transaction.
func (w *writer) end() error {
	batch := w.redoLog.next()
	if err := w.client.Flush(batch); err != nil {
		return err
	}
	err := w.disk.commit(func() error {
		_, err := w.commitTx.Exec()
		return err
	})
	if err != nil {
		return err
	}
	w.open = false
	w.redoLog.begin(batch)
	w.behind.Store(false)
	w.client.Committed()
	return nil
}
