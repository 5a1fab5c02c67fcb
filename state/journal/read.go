package journal

import (
	"context"
	"database/sql"
	"fmt"
)

// Querier asks the tables. Its rows are to be read before the function returns that it was
// given to.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func prepareAll(db preparer, queries []string) (map[string]*sql.Stmt, error) {
	prepared := map[string]*sql.Stmt{}
	for _, query := range queries {
		stmt, err := db.PrepareContext(context.Background(), query) //nolint:sqlclosecheck // the caller keeps it
		if err != nil {
			return nil, fmt.Errorf("prepare %q: %w", query, err)
		}
		prepared[query] = stmt
	}
	return prepared, nil
}

// pool is the connections that see what is committed.
type pool struct {
	*sql.DB
	frequent map[string]*sql.Stmt
}

func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt, ok := p.frequent[query]; ok {
		return stmt.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt, ok := p.frequent[query]; ok {
		return stmt.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// QueryContext and QueryRowContext see the open transaction. A context that ends must not
// interrupt them: the interrupt could hit a change that comes after.
func (w *writer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if stmt, ok := w.frequent[query]; ok {
		return stmt.QueryContext(ctx, args...)
	}
	return w.conn.QueryContext(ctx, query, args...)
}

func (w *writer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	if stmt, ok := w.frequent[query]; ok {
		return stmt.QueryRowContext(ctx, args...)
	}
	return w.conn.QueryRowContext(ctx, query, args...)
}

// Read lets read ask for what is acknowledged, and writes nothing: while that is not
// committed, the writer's connection is asked, and changes wait. So one Read must not go
// over more than some thousands of rows.
func (f *File) Read(ctx context.Context, read func(Querier) error) error {
	w := f.write
	done, err := f.Ahead(ctx, func() error {
		if err := w.client.Flush(w.redoLog.batch); err != nil {
			return fmt.Errorf("write journal: %w", Classify(err))
		}
		return read(w)
	})
	if done {
		return err
	}
	return read(f.pool)
}

// ReadAtLength is Read for a query that may go over any number of rows: changes do not
// wait for it. What is acknowledged is committed before, if that is possible.
func (f *File) ReadAtLength(ctx context.Context, read func(Querier) error) error {
	if f.write != nil && f.write.catchUp(ctx) != nil {
		return f.Read(ctx, read)
	}
	return read(f.pool)
}

// Ahead runs a query of the client, which knows what it has in memory, in the open
// transaction, when that has more than the database. done is false when it has not.
func (f *File) Ahead(ctx context.Context, query func() error) (done bool, err error) {
	w := f.write
	if w == nil || !w.behind.Load() {
		return false, nil
	}
	select {
	case <-w.turn:
	case <-w.stopped:
		return false, nil
	case <-ctx.Done():
		return true, context.Cause(ctx)
	}
	defer func() { w.turn <- struct{}{} }()
	if !w.behind.Load() {
		return false, nil // it was committed meanwhile
	}
	return true, w.look(query)
}

// look runs a query in the transaction that is under way. Where none is, the changes that
// were acknowledged are made again.
func (w *writer) look(query func() error) error {
	if err := w.begin(); err != nil {
		return fmt.Errorf("begin journal transaction: %w", Classify(err))
	}
	w.client.Begin()
	err := query()
	if isSQLite(err) {
		w.undo() // sqlite may have rolled back by itself
	}
	return err
}
