package state

import (
	"context"
	"fmt"
)

// Lookup returns the node that a name in a directory stands for. Errors:
// ErrNoEntry.
func (j Names) Lookup(ctx context.Context, dir Ino, name []byte) (n Node, err error) {
	done, err := j.ahead(ctx, func(t *tx) error {
		found, _, err := findNode(t, dir, name)
		if err == nil {
			n = *found
		}
		return err
	})
	if !done {
		n, err = scanNode(j.row(context.WithoutCancel(ctx), lookupQuery, dir, name))
	}
	if err != nil {
		return Node{}, fmt.Errorf("look up in directory %d: %w", dir, missing(err))
	}
	return n, nil
}

// Listed is an entry of a directory.
type Listed struct {
	// Cookie is greater than 2 and unique in the directory. It grows with each
	// entry that is added, and stays while the entry stays.
	Cookie uint64
	Name   []byte
	Node   Node
}

// List returns up to limit entries of a directory in the order of their cookies,
// all above after.
func (j Names) List(ctx context.Context, dir Ino, after uint64, limit int) ([]Listed, error) {
	list, err := queryAll(context.WithoutCancel(ctx), j.read, scanListed, listQuery, dir, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanListed(row scanner) (l Listed, err error) {
	l.Node, err = scanNode(row, &l.Cookie, &l.Name)
	return l, err
}
