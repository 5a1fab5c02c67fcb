package store

import (
	"context"
	"fmt"

	"clfsload/state/journal"
	"clfsload/state/schema"
)

// Querier asks the tables: those who read the journal, or a snapshot.
type Querier = journal.Querier

// Read lets ask for what is acknowledged. Rows are to be read before ask returns, some
// thousands at most: changes may wait for it.
func (j *Store) Read(ctx context.Context, ask func(Querier) error) error {
	return j.file.Read(ctx, ask)
}

// ReadAtLength is read for a query that may go over any number of rows.
func (j *Store) ReadAtLength(ctx context.Context, ask func(Querier) error) error {
	return j.file.ReadAtLength(ctx, ask)
}

// Ahead runs a query in the transaction that is under way, when that has more than
// the database: its rows need not be written for that. done is false when it has not.
func (j *Store) Ahead(ctx context.Context, query func(*Tx) error) (done bool, err error) {
	return j.file.Ahead(context.WithoutCancel(ctx), func() error {
		return query(j.tables.tx)
	})
}

// OneRow is a query for one row, which Scan asks.
type OneRow struct {
	read  reading
	ctx   context.Context
	query string
	args  []any
}

func (j *Store) Row(ctx context.Context, query string, args ...any) OneRow {
	return RowOf(ctx, j.Read, query, args...)
}

func RowOf(ctx context.Context, read reading, query string, args ...any) OneRow {
	return OneRow{read, ctx, query, args}
}

func (r OneRow) Scan(dest ...any) error {
	return r.read(r.ctx, func(q Querier) error {
		return q.QueryRowContext(r.ctx, schema.SQL(r.query), r.args...).Scan(dest...)
	})
}

// reading is the read of a journal, its ReadAtLength, or the read of a snapshot.
type reading func(context.Context, func(Querier) error) error

// QueryAll is a query whose rows scan reads.
func QueryAll[T any](ctx context.Context, read reading, scan func(schema.Scanner) (T, error), query string, args ...any) (list []T, err error) {
	err = read(ctx, func(q Querier) error {
		rows, err := q.QueryContext(ctx, schema.SQL(query), args...)
		list, err = schema.ScanAll(rows, err, scan)
		return err
	})
	return list, err
}

// Nodes is a query for nodes.
func (j *Store) Nodes(ctx context.Context, query string, args ...any) ([]schema.Node, error) {
	return NodesOf(ctx, j.Read, query, args...)
}

func NodesOf(ctx context.Context, read reading, query string, args ...any) ([]schema.Node, error) {
	list, err := QueryAll(ctx, read, func(row schema.Scanner) (schema.Node, error) { return schema.ScanNode(row) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", Classify(err))
	}
	return list, nil
}

// Inodes is a query for inodes.
func (j *Store) Inodes(ctx context.Context, query string, args ...any) ([]schema.Inode, error) {
	list, err := QueryAll(ctx, j.Read, scanInode, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read inodes: %w", Classify(err))
	}
	return list, nil
}

func ScanName(row schema.Scanner) (name []byte, err error) {
	err = row.Scan(&name)
	return name, err
}

func ScanIno(row schema.Scanner) (ino schema.Ino, err error) {
	err = row.Scan(&ino)
	return ino, err
}

// NotNil is for columns that are never NULL.
func NotNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Classify adds the sentinel of the journal to an error of sqlite or the file system, and
// keeps the cause.
func Classify(err error) error { return journal.Classify(err) }

// OpenSnapshot begins a snapshot of what is acknowledged. It must be closed.
func (j *Store) OpenSnapshot(ctx context.Context) (*journal.Snapshot, error) {
	return j.file.Snapshot(ctx)
}

// EachPage calls list for page after page, with the last row of the page before (at first the zero
// value), and do with each page that has rows.
func EachPage[T any](list func(last T) ([]T, error), do func([]T) error) error {
	var last T
	for {
		page, err := list(last)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := do(page); err != nil {
			return err
		}
		last = page[len(page)-1]
	}
}

// ChangePages changes all rows of a listing, each page in a transaction.
func ChangePages[T any](ctx context.Context, j *Store, d journal.Durability, list func(last T) ([]T, error), change func(*Tx, *T) error) error {
	return EachPage(list, func(page []T) error {
		return j.Write(ctx, d, func(t *Tx) error {
			for _, row := range page { // copies: a transaction may run again
				if err := change(t, &row); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
