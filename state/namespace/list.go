package namespace

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

// Lookup returns the node that a name in a directory stands for. Errors:
// ErrNoEntry.
func (j Names) Lookup(ctx context.Context, dir schema.Ino, name []byte) (n schema.Node, err error) {
	done, err := j.Ahead(ctx, func(t *store.Tx) error {
		found, _, err := FindNode(t, dir, name)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = schema.ScanNode(j.Row(context.WithoutCancel(ctx), store.LookupQuery, dir, name))
	}
	if err != nil {
		return schema.Node{}, fmt.Errorf("look up in directory %d: %w", dir, store.Missing(err))
	}
	return n, nil
}

// Listed is an entry of a directory.
type Listed struct {
	// Cookie is greater than 2 and unique in the directory. It grows with each
	// entry that is added, and stays while the entry stays.
	Cookie uint64
	Name   []byte
	Node   schema.Node
}

// List returns up to limit entries of a directory in the order of their cookies,
// all above after.
func (j Names) List(ctx context.Context, dir schema.Ino, after uint64, limit int) ([]Listed, error) {
	list, err := store.QueryAll(context.WithoutCancel(ctx), j.Read, scanListed, store.ListQuery, dir, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, store.Classify(err))
	}
	return list, nil
}

func scanListed(row schema.Scanner) (l Listed, err error) {
	l.Node, err = schema.ScanNode(row, &l.Cookie, &l.Name)
	return l, err
}
