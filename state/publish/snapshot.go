package publish

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Snapshot is the namespace as it was at one moment, whatever is changed
// meanwhile. It holds back the tidying up of the journal's log: it is not to be
// kept for longer than a publication takes. Its methods may be called
// concurrently.
type Snapshot struct {
	handleOf func(context.Context, schema.Ino) (clfs.ID, error) // of a directory
	rows     interface {
		Read(context.Context, func(store.Querier) error) error
		Close() error
	}
	seq         uint64
	publication uint64 // number of the last publication begun
	reached     uint64 // number of the last one whose new directories were all put
}

func (s *Snapshot) begin(ctx context.Context) (err error) {
	return s.row(ctx, `SELECT seq, publication, reached FROM ledger`).Scan(&s.seq, &s.publication, &s.reached)
}

func (s *Snapshot) row(ctx context.Context, query string, args ...any) store.OneRow {
	return store.RowOf(ctx, s.rows.Read, query, args...)
}

// Seq is the number of the last change that the snapshot has.
func (s *Snapshot) Seq() uint64 { return s.seq }

// Publication is the number of the publication that the snapshot is for.
func (s *Snapshot) Publication() uint64 { return s.publication }

// Close lets go of the snapshot.
func (s *Snapshot) Close() error { return s.rows.Close() }

// First reports whether no publication before this one can have put the root: nothing is in
// reach then.
func (s *Snapshot) First() bool { return s.reached == 0 }

// Reached reports whether something in the container may lead to a directory.
func (s *Snapshot) Reached(n *schema.Node) bool {
	if n.Ino == schema.RootIno {
		return !s.First()
	}
	return 0 < n.PutPub && n.PutPub <= s.reached
}

// Path returns the path of a node below the root, by its first name.
func (s *Snapshot) Path(ctx context.Context, n schema.Node) (path string, err error) {
	err = s.rows.Read(ctx, func(q store.Querier) error {
		path, err = store.Climb(ctx, q, n.Ino)
		return err
	})
	return path, err
}

// Image returns the payload that is kept of a node for its publication; nil when
// there is none.
func (s *Snapshot) Image(ctx context.Context, ino schema.Ino) (data []byte, err error) {
	err = s.rows.Read(ctx, func(q store.Querier) error {
		data, err = contents.ReadImage(ctx, q, ino)
		return err
	})
	return data, err
}

func (s *Snapshot) handle(ctx context.Context, dir schema.Ino) (clfs.ID, error) {
	var id []byte
	err := s.row(ctx, `SELECT handle FROM inode WHERE ino = ?`, dir).Scan(&id)
	if err != nil {
		return "", store.Classify(err)
	}
	return clfs.ID(id), nil
}

// BackPointers is Journal.BackPointers as of the snapshot.
func (s *Snapshot) BackPointers(ctx context.Context, n schema.Node) (list []clfs.ID, err error) {
	if n.Links == 1 || n.IsDirectory() {
		id, err := s.handleOf(ctx, n.Parent)
		if err != nil {
			return nil, fmt.Errorf("find directory of node %d: %w", n.Ino, err)
		}
		return []clfs.ID{id}, nil
	}
	err = s.rows.Read(ctx, func(q store.Querier) error {
		list, err = namespace.BackPointers(ctx, q, &n.Inode)
		return err
	})
	return list, err
}
