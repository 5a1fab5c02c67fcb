package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/journal"
)

// Snapshot is the namespace as it was at one moment, whatever is changed
// meanwhile. It holds back the tidying up of the journal's log: it is not to be
// kept for longer than a publication takes. Its methods may be called
// concurrently.
type Snapshot struct {
	read *journal.Snapshot
	conn *sql.Conn
	seq  uint64
}

// BeginPublish begins a publication of the namespace as it is now. Until
// EndPublish, also after a crash, nothing that it may have put is deleted. No
// inode may be put by anybody else while it runs. The snapshot must be closed.
func (j *Journal) BeginPublish(ctx context.Context) (*Snapshot, error) {
	// First that one is under way: whatever changes from now on reckons with it.
	if err := j.setPublishing(ctx, j.Seq()); err != nil {
		return nil, fmt.Errorf("begin publication: %w", err)
	}
	s, err := j.snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin publication: %w", classify(err))
	}
	if err := j.setPublishing(ctx, s.seq); err != nil {
		return nil, errors.Join(fmt.Errorf("begin publication: %w", err), s.Close())
	}
	return s, nil
}

func (j *Journal) setPublishing(ctx context.Context, seq uint64) error {
	return j.write(ctx, durable, func(t *tx) error {
		t.ledger.publishing = seq
		return nil
	})
}

// snapshot begins a read transaction on a connection of its own.
func (j *Journal) snapshot(ctx context.Context) (*Snapshot, error) {
	read, err := j.file.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{read: read, conn: read.Conn}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Snapshot) begin(ctx context.Context) (err error) {
	return s.conn.QueryRowContext(ctx, `SELECT seq FROM ledger`).Scan(&s.seq)
}

// Seq is the number of the last change that the snapshot has.
func (s *Snapshot) Seq() uint64 { return s.seq }

// Close lets go of the snapshot.
func (s *Snapshot) Close() error { return s.read.Close() }

// Root returns the root directory.
func (s *Snapshot) Root(ctx context.Context) (Node, error) {
	n, err := scanNode(s.conn.QueryRowContext(ctx, `SELECT `+nodeColumns+` FROM inode WHERE ino = ?`, RootIno))
	if err != nil {
		return Node{}, fmt.Errorf("read root directory: %w", classify(err))
	}
	return n, nil
}

// NewDirectories returns up to limit directories that were never put, in order of
// their numbers, all above after. The root is not among them.
func (s *Snapshot) NewDirectories(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return scanNodes(s.conn.QueryContext(ctx, `SELECT `+nodeColumns+` FROM inode
		WHERE state = 2 AND depth IS NULL AND ino > ? AND put_seq = 0 ORDER BY ino LIMIT ?`, max(after, RootIno), limit))
}

// ChangedDirectories returns up to limit directories that changed since they were
// put, in order of their numbers, all above after.
func (s *Snapshot) ChangedDirectories(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return scanNodes(s.conn.QueryContext(ctx, `SELECT `+nodeColumns+` FROM inode
		WHERE state = 2 AND depth IS NULL AND ino > ? AND put_seq > 0 ORDER BY ino LIMIT ?`, after, limit))
}

// ChangedNodes returns up to limit nodes that are no directories and whose inode a
// publication has to put, in order of their numbers, all above after: those that
// wait for nothing else, and those that have other names than in the container,
// or newer contents in an image, although they are changing again.
func (s *Snapshot) ChangedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	const changing = ` AND ino > ?1 AND put_seq > 0 AND (flags & ?3 OR image_gen > 0)`
	return scanNodes(s.conn.QueryContext(ctx, `SELECT `+nodeColumns+` FROM inode WHERE state = 6 AND ino > ?1
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = 5`+changing+`
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = 1`+changing+`
		ORDER BY 1 LIMIT ?2`, after, limit, Moved))
}

// Unpublished returns up to limit nodes of which the publication does not have the
// present form, in order of their numbers, all above after.
func (s *Snapshot) Unpublished(ctx context.Context, after Ino, limit int) ([]Node, error) {
	const old = ` AND ino > ?1 AND NOT (put_seq > 0 AND flags & ?3 = 0 AND (flags & ?4 OR image_gen > 0)
		AND next = CASE image_gen WHEN 0 THEN put_gen ELSE image_gen END)`
	return scanNodes(s.conn.QueryContext(ctx, `SELECT `+nodeColumns+` FROM inode WHERE state = 5`+old+`
		UNION ALL SELECT `+nodeColumns+` FROM inode WHERE state = 1`+old+`
		ORDER BY 1 LIMIT ?2`, after, limit, Content, Moved))
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
func (s *Snapshot) Path(ctx context.Context, n Node) (string, error) {
	return climb(ctx, s.conn, n.Ino)
}

// Image returns the payload that is kept of a node for its publication; nil when
// there is none.
func (s *Snapshot) Image(ctx context.Context, ino Ino) ([]byte, error) {
	return readImage(ctx, s.conn, ino)
}

// BackPointers is Journal.BackPointers as of the snapshot.
func (s *Snapshot) BackPointers(ctx context.Context, n Node) ([]clfs.ID, error) {
	if n.Links == 1 || n.IsDirectory() {
		var id []byte
		err := s.conn.QueryRowContext(ctx, `SELECT handle FROM inode WHERE ino = ?`, n.Parent).Scan(&id)
		if err != nil {
			return nil, fmt.Errorf("find directory of node %d: %w", n.Ino, classify(err))
		}
		return []clfs.ID{clfs.ID(id)}, nil
	}
	return backPointers(ctx, s.conn, &n.Inode)
}
