package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// maxGroup bounds the updates of one transaction, so that its memory is bounded.
const maxGroup = 256

// update is a change that waits to be committed. run must be repeatable: it is
// run again when another update of its group fails.
type update struct {
	run     func(*tx) error // nil: what was acknowledged is to be committed
	mayWait bool            // the redo log may hold it for a while; else it is committed at once
	done    chan error
}

// writer owns the one connection that writes. Whoever has an update and finds the
// connection idle commits it, together with all others that wait by then: a change
// that comes alone costs no switch between goroutines.
type writer struct {
	journal                     *Journal
	db                          *sql.DB
	conn                        *sql.Conn
	stmts                       *statements
	mount                       *mountStatements // nil in the journal of a load
	beginTx, commitTx, rollback *sql.Stmt

	open      bool   // a transaction is under way
	committed ledger // as it is in the database
	delayed          // of a mount alone

	disk    disk
	queue   chan *update
	turn    chan struct{} // holds one element while the connection is idle
	closing chan struct{} // closed when no update is taken any more
	stopped chan struct{} // closed when all that were taken are committed
}

func newWriter(j *Journal, path string) (*writer, error) {
	db, err := openDB(path, writerCacheKiB, "mode=rw")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{journal: j, db: db, queue: make(chan *update, maxGroup), turn: make(chan struct{}, 1),
		closing: make(chan struct{}), stopped: make(chan struct{})}
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, w.disk.release(), db.Close())
	}
	w.turn <- struct{}{}
	return w, nil
}

func (w *writer) prepare() error {
	var err error
	if w.conn, err = w.db.Conn(context.Background()); err != nil {
		return err
	}
	pages := checkpointPages
	if w.journal.Settings.Kind == KindMount {
		pages = mountCheckpointPages
	}
	if err := w.exec(fmt.Sprintf(`PRAGMA wal_autocheckpoint = %d`, pages)); err != nil {
		return err
	}
	if w.stmts, err = prepareStatements(w.conn); err != nil {
		return err
	}
	if err := w.prepareTransaction(); err != nil {
		return err
	}
	first, err := readLedger(w.conn)
	if err != nil {
		return err
	}
	w.journal.ledger.Store(first)
	w.committed = *first
	isMount := w.journal.Settings.Kind == KindMount
	if err := w.disk.open(w.journal.dir, !isMount); err != nil {
		return err
	}
	if isMount {
		if err := w.prepareMount(); err != nil {
			return err
		}
	}
	w.disk.begin()
	return nil
}

func (w *writer) prepareTransaction() error {
	for query, stmt := range map[string]**sql.Stmt{
		`BEGIN IMMEDIATE`: &w.beginTx, `COMMIT`: &w.commitTx, `ROLLBACK`: &w.rollback,
	} {
		var err error
		if *stmt, err = w.conn.PrepareContext(context.Background(), query); err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
	}
	return nil
}

// prepareMount lets commits not wait for the disk: Sync does.
func (w *writer) prepareMount() error {
	if err := w.exec(`PRAGMA synchronous = NORMAL`); err != nil {
		return err
	}
	var err error
	if w.mount, err = prepareMountStatements(w.conn, &w.recorder); err != nil {
		return err
	}
	return w.openRedo()
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
	return errors.Join(err, w.beginTx.Close(), w.commitTx.Close(), w.rollback.Close(), w.stmts.close(), w.mount.close(),
		w.disk.close(), w.conn.Close(), w.db.Close())
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// update runs a change in a transaction and returns when it is durable. After
// Close it returns ErrClosed.
func (j *Journal) update(ctx context.Context, run func(*tx) error) error {
	if err := j.commit(ctx, &update{run: run}); err != nil {
		return err
	}
	return j.Sync(ctx)
}

// commit is update for a change that needs to survive the death of the process
// alone, as far as the journal lets that be: that of a load is always durable.
func (j *Journal) commit(ctx context.Context, u *update) error {
	w := j.write
	if w == nil {
		return ErrReadOnly
	}
	u.done = make(chan error, 1)
	select {
	case <-w.closing:
		return ErrClosed
	default:
	}
	select {
	case w.queue <- u:
	case <-w.stopped:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// Once it is queued its outcome must be known: what is durable and what
	// the caller believes may not differ.
	return w.await(u)
}

// await commits what waits, or lets another do it, until that was the update's
// turn.
func (w *writer) await(u *update) error {
	for {
		select {
		case err := <-u.done:
			return err
		case <-w.turn:
			w.commitWaiting()
			w.turn <- struct{}{}
		case <-w.stopped:
			select {
			case err := <-u.done: // it was among the last
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
	case u := <-w.queue:
		w.commitGroup(w.gather(u))
	default:
	}
}

func (w *writer) commitGroup(group []*update) {
	err := w.commit(group)
	if err != nil && len(group) > 1 {
		w.commitEach(group)
		return
	}
	for _, u := range group {
		u.done <- err
	}
}

// gather takes what waits in the queue, up to maxGroup updates.
func (w *writer) gather(first *update) []*update {
	group := []*update{first}
	for len(group) < maxGroup {
		select {
		case u := <-w.queue:
			group = append(group, u)
		default:
			return group
		}
	}
	return group
}

// commitEach keeps one failing update from taking the others with it.
func (w *writer) commitEach(group []*update) {
	for _, u := range group {
		u.done <- w.commit([]*update{u})
	}
}

// commit makes the changes of a group, all or none. What was acknowledged and is
// not committed has its room on a full disk.
func (w *writer) commit(group []*update) error {
	err := w.tryCommit(group)
	if errors.Is(err, ErrNoSpace) && w.holds() && w.redoLog.release() {
		err = w.tryCommit(group)
	}
	return err
}

func (w *writer) tryCommit(group []*update) error {
	if err := w.begin(); err != nil {
		return fmt.Errorf("begin journal transaction: %w", classify(err))
	}
	t, err := w.runGroup(group)
	if err == nil {
		err = w.keep(t, group)
	}
	if err != nil {
		w.undo()
		return fmt.Errorf("write journal: %w", classify(err))
	}
	w.journal.ledger.Store(&t.ledger)
	if t.queued {
		w.journal.wake.broadcast()
	}
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
	w.forget()
}

func (w *writer) runGroup(group []*update) (*tx, error) {
	t := &tx{stmts: w.stmts, mount: w.mount, settings: &w.journal.Settings, ledger: *w.journal.ledger.Load(),
		rows: w.rows, recorder: &w.recorder}
	w.recorder.begin()
	for _, u := range group {
		if err := w.run(t, u); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// end commits the transaction.
func (w *writer) end(l *ledger) error {
	batch, err := w.writeChanges(l)
	if err != nil {
		return err
	}
	if _, err := w.commitTx.Exec(); err != nil {
		return err
	}
	w.open, w.committed = false, *l
	w.disk.committed()
	w.beginBatch(batch)
	return nil
}
