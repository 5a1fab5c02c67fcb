package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// maxGroup bounds the updates of one transaction, so that its memory is bounded.
const maxGroup = 256

// update is a change that waits to be committed. run must be repeatable: it is
// run again when another update of its group fails.
type update struct {
	run     func(*tx) error
	durable bool // it must survive a power cut
	done    chan error
}

// writer owns the one connection that writes. All updates that wait when it
// comes round are committed together.
type writer struct {
	journal *Journal
	db      *sql.DB
	conn    *sql.Conn
	stmts   *statements
	mount   *mountStatements // nil in the journal of a load
	full    bool             // synchronous is FULL
	// unsynced is set while a power cut could take commits back.
	unsynced atomic.Bool
	queue    chan *update
	closing  chan struct{} // closed to end the loop
	stopped  chan struct{} // closed when it has ended
}

func newWriter(j *Journal, path string) (*writer, error) {
	db, err := openDB(path, writerCacheKiB, "mode=rw")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &writer{journal: j, db: db, full: true, queue: make(chan *update, maxGroup),
		closing: make(chan struct{}), stopped: make(chan struct{})}
	if err := w.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go w.loop()
	return w, nil
}

func (w *writer) prepare() error {
	var err error
	if w.conn, err = w.db.Conn(context.Background()); err != nil {
		return err
	}
	if err := w.exec(fmt.Sprintf(`PRAGMA wal_autocheckpoint = %d`, checkpointPages)); err != nil {
		return err
	}
	if w.stmts, err = prepareStatements(w.conn); err != nil {
		return err
	}
	if w.journal.Settings.Kind == KindMount {
		if w.mount, err = prepareMountStatements(w.conn); err != nil {
			return err
		}
	}
	first, err := readLedger(w.conn)
	if err != nil {
		return err
	}
	w.journal.ledger.Store(first)
	return nil
}

func (w *writer) close() error {
	close(w.closing)
	<-w.stopped
	// A connection with statements left is not closed by sqlite, and its log stays.
	return errors.Join(w.stmts.close(), w.mount.close(), w.conn.Close(), w.db.Close())
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// update runs a change in a transaction and returns when it is durable. After
// Close it returns ErrClosed.
func (j *Journal) update(ctx context.Context, run func(*tx) error) error {
	return j.enqueue(ctx, &update{run: run, durable: true, done: make(chan error, 1)})
}

// enqueue gives an update to the writer and waits until it is committed.
func (j *Journal) enqueue(ctx context.Context, u *update) error {
	if j.write == nil {
		return ErrReadOnly
	}
	select {
	case j.write.queue <- u:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// Once it is queued its outcome must be known: what is durable and what
	// the caller believes may not differ.
	select {
	case err := <-u.done:
		return err
	case <-j.write.stopped:
	}
	select {
	case err := <-u.done: // it was among the last
		return err
	default:
		return ErrClosed
	}
}

// loop commits until the journal is closed, and then what waits already.
func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case u := <-w.queue:
			w.commitGroup(w.gather(u))
			continue
		case <-w.closing:
		}
		select {
		case u := <-w.queue:
			w.commitGroup(w.gather(u))
		default:
			return
		}
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

func (w *writer) commit(group []*update) error {
	durable := isDurable(group)
	if err := w.setFull(durable); err != nil {
		return fmt.Errorf("set durability of journal: %w", classify(err))
	}
	if err := w.exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("begin journal transaction: %w", classify(err))
	}
	t, err := w.runGroup(group)
	if err == nil {
		err = w.finish(t, durable)
	}
	if err == nil {
		err = w.exec(`COMMIT`)
	}
	if err != nil {
		// After some errors (disk full) sqlite has rolled back by itself.
		_ = w.exec(`ROLLBACK`)
		return fmt.Errorf("write journal: %w", classify(err))
	}
	w.unsynced.Store(!durable)
	w.journal.ledger.Store(&t.ledger)
	if t.queued {
		w.journal.wake.broadcast()
	}
	return nil
}

func isDurable(group []*update) bool {
	for _, u := range group {
		if u.durable {
			return true
		}
	}
	return false
}

// setFull chooses whether the next commit waits for the disk. sqlite forbids to
// change that within a transaction.
func (w *writer) setFull(full bool) error {
	if w.full == full {
		return nil
	}
	level := "NORMAL"
	if full {
		level = "FULL"
	}
	if err := w.exec(`PRAGMA synchronous = ` + level); err != nil {
		return err
	}
	w.full = full
	return nil
}

func (w *writer) runGroup(group []*update) (*tx, error) {
	t := &tx{stmts: w.stmts, mount: w.mount, settings: &w.journal.Settings, ledger: *w.journal.ledger.Load()}
	for _, u := range group {
		if err := u.run(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// finish writes the ledger, if it changed.
func (w *writer) finish(t *tx, durable bool) error {
	if durable && w.unsynced.Load() {
		// A commit that changes nothing would not reach for the disk, and
		// what was committed before it would not become durable.
		t.ledger.syncs++
	}
	if t.ledger == *w.journal.ledger.Load() {
		return nil
	}
	return t.writeLedger()
}
