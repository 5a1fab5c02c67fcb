package state

import (
	"context"
	"fmt"

	"clfsload/state/journal"
)

// querier asks the tables: those who read the journal, or a snapshot.
type querier = journal.Querier

// read lets ask for what is acknowledged. Rows are to be read before ask returns, some
// thousands at most: changes may wait for it.
func (j *Store) read(ctx context.Context, ask func(querier) error) error {
	return j.file.Read(ctx, ask)
}

// readAtLength is read for a query that may go over any number of rows.
func (j *Store) readAtLength(ctx context.Context, ask func(querier) error) error {
	return j.file.ReadAtLength(ctx, ask)
}

// ahead runs a query in the transaction that is under way, when that has more than
// the database: its rows need not be written for that. done is false when it has not.
func (j *Store) ahead(ctx context.Context, query func(*tx) error) (done bool, err error) {
	return j.file.Ahead(context.WithoutCancel(ctx), func() error {
		return query(j.tables.tx)
	})
}

// oneRow is a query for one row, which Scan asks.
type oneRow struct {
	read  reading
	ctx   context.Context
	query string
	args  []any
}

func (j *Store) row(ctx context.Context, query string, args ...any) oneRow {
	return rowOf(ctx, j.read, query, args...)
}

func rowOf(ctx context.Context, read reading, query string, args ...any) oneRow {
	return oneRow{read, ctx, query, args}
}

func (r oneRow) Scan(dest ...any) error {
	return r.read(r.ctx, func(q querier) error {
		return q.QueryRowContext(r.ctx, named(r.query), r.args...).Scan(dest...)
	})
}

// reading is the read of a journal, its readAtLength, or the read of a snapshot.
type reading func(context.Context, func(querier) error) error

// queryAll is a query whose rows scan reads.
func queryAll[T any](ctx context.Context, read reading, scan func(scanner) (T, error), query string, args ...any) (list []T, err error) {
	err = read(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, named(query), args...)
		list, err = scanAll(rows, err, scan)
		return err
	})
	return list, err
}

// nodes is a query for nodes.
func (j *Store) nodes(ctx context.Context, query string, args ...any) ([]Node, error) {
	return nodesOf(ctx, j.read, query, args...)
}

func nodesOf(ctx context.Context, read reading, query string, args ...any) ([]Node, error) {
	list, err := queryAll(ctx, read, func(row scanner) (Node, error) { return scanNode(row) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", classify(err))
	}
	return list, nil
}

// inodes is a query for inodes.
func (j *Store) inodes(ctx context.Context, query string, args ...any) ([]Inode, error) {
	list, err := queryAll(ctx, j.read, scanInode, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read inodes: %w", classify(err))
	}
	return list, nil
}

func scanName(row scanner) (name []byte, err error) {
	err = row.Scan(&name)
	return name, err
}

func scanIno(row scanner) (ino Ino, err error) {
	err = row.Scan(&ino)
	return ino, err
}

// notNil is for columns that are never NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// classify adds the sentinel of the journal to an error of sqlite or the file system, and
// keeps the cause.
func classify(err error) error { return journal.Classify(err) }

// openSnapshot begins a snapshot of what is acknowledged. It must be closed.
func (j *Store) openSnapshot(ctx context.Context) (*journal.Snapshot, error) {
	return j.file.Snapshot(ctx)
}

// eachPage calls list for page after page, with the last row of the page before (at first the zero
// value), and do with each page that has rows.
func eachPage[T any](list func(last T) ([]T, error), do func([]T) error) error {
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

// changePages changes all rows of a listing, each page in a transaction.
func changePages[T any](ctx context.Context, j *Store, d journal.Durability, list func(last T) ([]T, error), change func(*tx, *T) error) error {
	return eachPage(list, func(page []T) error {
		return j.write(ctx, d, func(t *tx) error {
			for _, row := range page { // copies: a transaction may run again
				if err := change(t, &row); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
