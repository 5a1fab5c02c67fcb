package garbage

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

// maxCounted bounds how many rows are counted: a tree of millions may be removed at once.
const maxCounted = 100_000

// Leftovers counts what the container may hold and the file system no longer needs, each
// up to 100,000.
type Leftovers struct {
	Removed  uint64 // removed entries whose blobs are not deleted, those in use included
	Replaced uint64 // blobs that were replaced
}

// Any reports whether there is anything.
func (l Leftovers) Any() bool { return l != Leftovers{} }

// Leftovers returns what is to be deleted in the container.
func (j Collector) Leftovers(ctx context.Context) (l Leftovers, err error) {
	err = j.ReadAtLength(ctx, func(q store.Querier) error {
		return q.QueryRowContext(ctx, schema.SQL(`SELECT
		(SELECT count(*) FROM (SELECT 1 FROM inode WHERE state = {removed} AND (put_version > 0 OR peak > 0 OR mapped > 0) LIMIT ?1)),
		(SELECT count(*) FROM (SELECT 1 FROM garbage LIMIT ?1))`), maxCounted).Scan(&l.Removed, &l.Replaced)
	})
	if err != nil {
		return l, fmt.Errorf("count what is to be deleted: %w", store.Classify(err))
	}
	return l, nil
}
