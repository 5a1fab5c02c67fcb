package state

import (
	"context"
	"database/sql"
	"time"
)

// reader is the database for those who read what is acknowledged: what is not
// committed yet is committed before they are answered.
type reader struct {
	*sql.DB
	catchUp func(context.Context) error
}

func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	return r.DB.QueryContext(ctx, query, args...)
}

func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.catchUp(ctx); err != nil {
		ctx = failed{ctx, err}
	}
	return r.DB.QueryRowContext(ctx, query, args...)
}

// query is a prepared statement of a reader.
type query struct {
	*sql.Stmt
	catchUp func(context.Context) error
}

func (q *query) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	if err := q.catchUp(ctx); err != nil {
		return nil, err
	}
	return q.Stmt.QueryContext(ctx, args...)
}

func (q *query) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	if err := q.catchUp(ctx); err != nil {
		ctx = failed{ctx, err}
	}
	return q.Stmt.QueryRowContext(ctx, args...)
}

// failed is a context that has ended with an error. A query of it ends with that
// error too.
type failed struct {
	context.Context
	err error
}

var ended = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (failed) Deadline() (time.Time, bool) { return time.Time{}, false }
func (failed) Done() <-chan struct{}       { return ended }
func (f failed) Err() error                { return f.err }

// ahead runs a query in the transaction that is under way, when that has more than
// the database: to commit it would cost more. done is false when it has not.
func (j *Journal) ahead(ctx context.Context, query func(*tx) error) (done bool, err error) {
	if j.write == nil || !j.write.behind.Load() {
		return false, nil
	}
	return true, j.note(context.WithoutCancel(ctx), query)
}
