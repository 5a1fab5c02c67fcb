package journal

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
)

// Snapshot is a read transaction: what was committed before it was begun. It holds back the
// tidying up of the journal's log. Its methods may be called concurrently.
type Snapshot struct {
	db   *sql.DB
	conn *sql.Conn

	mu       sync.Mutex           // a statement must not be used by two at a time
	prepared map[string]*sql.Stmt // by the text of the query
}

// Snapshot begins a snapshot of all that is acknowledged: it is committed before. The
// snapshot must be closed.
func (f *File) Snapshot(ctx context.Context) (*Snapshot, error) {
	if f.write != nil {
		if err := f.write.catchUp(ctx); err != nil {
			return nil, err
		}
	}
	db, err := openDB(filepath.Join(f.dir, journalName), writerCacheKiB, "_query_only=true")
	if err != nil {
		return nil, err
	}
	s := &Snapshot{db: db, prepared: map[string]*sql.Stmt{}}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Snapshot) begin(ctx context.Context) (err error) {
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	// The transaction sees what was committed before its first query.
	var version int
	return s.conn.QueryRowContext(ctx, `PRAGMA schema_version`).Scan(&version)
}

// Read lets read ask the snapshot, one at a time. Each query is prepared once: a publication
// asks the same few for every directory.
func (s *Snapshot) Read(ctx context.Context, read func(Querier) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return read(preparing{s})
}

// preparing asks a snapshot that is locked. For a context that can end, the driver starts a
// goroutine for each row. So the contexts of queries do not end: a page is soon read.
type preparing struct{ *Snapshot }

func (p preparing) statement(query string) (*sql.Stmt, error) {
	if stmt, ok := p.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := p.conn.PrepareContext(context.Background(), query)
	if err == nil {
		p.prepared[query] = stmt
	}
	return stmt, err
}

// QueryContext implements Querier.
func (p preparing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := p.statement(query) //nolint:sqlclosecheck // kept by the snapshot
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.WithoutCancel(ctx), args...)
}

// QueryRowContext implements Querier.
func (p preparing) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := p.statement(query) //nolint:sqlclosecheck // kept by the snapshot
	if err != nil {
		return p.conn.QueryRowContext(ctx, query, args...) // it fails with the same error
	}
	return stmt.QueryRowContext(context.WithoutCancel(ctx), args...)
}

// Close ends the snapshot.
func (s *Snapshot) Close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(append(errs, s.db.Close())...)
}
