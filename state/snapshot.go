package state

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
)

var unreachStmt = newStatement(`UPDATE inode SET put_pub = 0 WHERE state = {removed} AND type = ?1 AND put_pub > ?2 AND seq <= ?3`)

// Snapshot is the namespace as it was at one moment, whatever is changed
// meanwhile. It holds back the tidying up of the journal's log: it is not to be
// kept for longer than a publication takes. Its methods may be called
// concurrently.
type Snapshot struct {
	handleOf func(context.Context, Ino) (clfs.ID, error) // of a directory
	rows     interface {
		Read(context.Context, func(querier) error) error
		Close() error
	}
	seq         uint64
	publication uint64 // number of the last publication begun
	reached     uint64 // number of the last one whose new directories were all put
}

// BeginPublish begins a publication of the namespace as it is now. Until
// EndPublish, also after a crash, nothing that it may have put is deleted. No
// inode may be put by anybody else while it runs. The snapshot must be closed. still: nobody
// else changes the namespace until then.
func (j *Journal) BeginPublish(ctx context.Context, still bool) (*Snapshot, error) {
	// First that one is under way: whatever changes from now on reckons with it.
	err := j.write(ctx, durable, func(t *tx) error {
		t.ledger.publication++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	s, err := j.publicationSnapshot(ctx, still)
	if err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	return s, nil
}

// publicationSnapshot is a snapshot of which no power cut takes anything back. If the last
// publication was cut off before its new directories were all put, nothing leads to those that
// were removed since, and nothing will.
func (j *Journal) publicationSnapshot(ctx context.Context, still bool) (*Snapshot, error) {
	take := j.Snapshot
	if still {
		take = j.still
	}
	s, err := take(ctx)
	if err != nil {
		return nil, err
	}
	if s.reached+1 < s.publication {
		err = j.write(ctx, durable, func(t *tx) error {
			_, err := unreachStmt.Exec(t, clfs.TypeDirectory, s.reached, s.seq)
			return err
		})
	} else {
		err = j.Sync(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Snapshot returns the namespace as it is now. It must be closed.
func (j *Journal) Snapshot(ctx context.Context) (*Snapshot, error) {
	rows, err := j.file.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("make snapshot: %w", classify(err))
	}
	s := &Snapshot{rows: rows}
	s.handleOf = s.handle
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make snapshot: %w", classify(err)), s.Close())
	}
	return s, nil
}

// still is a Snapshot that asks the journal itself, whose log can be tidied up meanwhile. What is
// recorded of what was read does not come again: all is read in order.
func (j *Journal) still(ctx context.Context) (*Snapshot, error) {
	s := &Snapshot{rows: present{j}, handleOf: j.handle}
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("look at the namespace: %w", classify(err))
	}
	return s, nil
}

// present is the journal as it is.
type present struct{ j *Journal }

func (p present) Read(ctx context.Context, ask func(querier) error) error { return p.j.read(ctx, ask) }
func (p present) Close() error                                            { return nil }

func (s *Snapshot) begin(ctx context.Context) (err error) {
	return s.row(ctx, `SELECT seq, publication, reached FROM ledger`).Scan(&s.seq, &s.publication, &s.reached)
}

func (s *Snapshot) row(ctx context.Context, query string, args ...any) oneRow {
	return oneRow{s.rows.Read, ctx, query, args}
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
func (s *Snapshot) Reached(n *Node) bool {
	if n.Ino == RootIno {
		return !s.First()
	}
	return 0 < n.PutPub && n.PutPub <= s.reached
}

// ChangedDirectory is a directory that a publication has to put.
type ChangedDirectory struct {
	Node
	Tombstones bool // it has some
}

const (
	reachedNow = `put_pub BETWEEN 1 AND ?3`
	changedDir = `SELECT EXISTS (SELECT 1 FROM tombstone t WHERE t.dir = inode.ino) AS kept, ` + nodeColumns + ` FROM inode
		WHERE state = {held} AND ino > ?1 AND `
	inOrder = ` ORDER BY ino LIMIT ?2`
)

// NewDirectories returns up to limit directories that nothing in the container leads to, in
// order of their numbers, all above after. The root is not among them.
func (s *Snapshot) NewDirectories(ctx context.Context, after Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`NOT `+reachedNow+inOrder, max(after, RootIno), limit, s.reached)
}

// ChangedDirectories returns up to limit directories that changed since they were put, the
// root among them unless this is the first publication, in order of their numbers, all above
// after.
func (s *Snapshot) ChangedDirectories(ctx context.Context, after Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`(`+reachedNow+` OR ino = 1 AND ?4)`+inOrder, after, limit, s.reached, !s.First())
}

// DirectoriesWithTombstones returns up to limit directories that have tombstones, in order of
// their numbers, all above after.
func (s *Snapshot) DirectoriesWithTombstones(ctx context.Context, after Ino, limit int) ([]ChangedDirectory, error) {
	return s.directories(ctx, changedDir+`kept`+inOrder, after, limit)
}

func (s *Snapshot) directories(ctx context.Context, query string, args ...any) ([]ChangedDirectory, error) {
	list, err := queryAll(ctx, s.rows.Read, func(row scanner) (d ChangedDirectory, err error) {
		d.Node, err = scanNode(row, &d.Tombstones)
		return d, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read directories: %w", classify(err))
	}
	return list, nil
}

// Root returns the root directory.
func (s *Snapshot) Root(ctx context.Context) (Node, error) {
	n, err := scanNode(s.row(ctx, `SELECT `+nodeColumns+` FROM inode WHERE ino = ?`, RootIno))
	if err != nil {
		return Node{}, fmt.Errorf("read root directory: %w", classify(err))
	}
	return n, nil
}

// ChangedNodes returns up to limit nodes that are no directories and whose inode a
// publication has to put, in order of their numbers, all above after: those that
// wait for nothing else, and those that have other names than in the container,
// or newer contents in an image, although they are changing again.
func (s *Snapshot) ChangedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	const changing = ` AND ino > ?1 AND put_pub > 0 AND (flags & ?3 OR image_gen > 0)`
	return nodesOf(ctx, s.rows.Read, `SELECT `+nodeColumns+` FROM inode WHERE state = {sealed} AND ino > ?1
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = {dirty}`+changing+`
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = {queued}`+changing+`
		ORDER BY 1 LIMIT ?2`, after, limit, Moved)
}

// Unpublished returns up to limit nodes of which the publication does not have the
// present form, in order of their numbers, all above after.
func (s *Snapshot) Unpublished(ctx context.Context, after Ino, limit int) ([]Node, error) {
	const old = ` AND ino > ?1 AND NOT (put_pub > 0 AND flags & ?3 = 0 AND (flags & ?4 OR image_gen > 0)
		AND next = CASE image_gen WHEN 0 THEN put_gen ELSE image_gen END)`
	return nodesOf(ctx, s.rows.Read, `SELECT `+nodeColumns+` FROM inode WHERE state = {dirty}`+old+`
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = {queued}`+old+`
		ORDER BY 1 LIMIT ?2`, after, limit, Content, Moved)
}

// ContentsCurrent reports whether the newest inode payload that there is, the image
// or else the blob in the container, has the node's contents as they are: then also
// its size and times.
func (n *Node) ContentsCurrent() bool {
	if n.Flags&Content != 0 {
		return false
	}
	if n.ImageGen != 0 {
		return n.ImageGen == n.Next
	}
	return n.PutVersion != 0 && n.PutGen == n.Next
}

// Path returns the path of a node below the root, by its first name.
func (s *Snapshot) Path(ctx context.Context, n Node) (path string, err error) {
	err = s.rows.Read(ctx, func(q querier) error {
		path, err = climb(ctx, q, n.Ino)
		return err
	})
	return path, err
}

// Image returns the payload that is kept of a node for its publication; nil when
// there is none.
func (s *Snapshot) Image(ctx context.Context, ino Ino) (data []byte, err error) {
	err = s.rows.Read(ctx, func(q querier) error {
		data, err = readImage(ctx, q, ino)
		return err
	})
	return data, err
}

func (s *Snapshot) handle(ctx context.Context, dir Ino) (clfs.ID, error) {
	var id []byte
	err := s.row(ctx, `SELECT handle FROM inode WHERE ino = ?`, dir).Scan(&id)
	if err != nil {
		return "", classify(err)
	}
	return clfs.ID(id), nil
}

// BackPointers is Journal.BackPointers as of the snapshot.
func (s *Snapshot) BackPointers(ctx context.Context, n Node) (list []clfs.ID, err error) {
	if n.Links == 1 || n.IsDirectory() {
		id, err := s.handleOf(ctx, n.Parent)
		if err != nil {
			return nil, fmt.Errorf("find directory of node %d: %w", n.Ino, err)
		}
		return []clfs.ID{id}, nil
	}
	err = s.rows.Read(ctx, func(q querier) error {
		list, err = backPointers(ctx, q, &n.Inode)
		return err
	})
	return list, err
}
