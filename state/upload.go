package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	setImageStmt = newStatement(`INSERT OR REPLACE INTO image (ino, data) VALUES (?, ?)`)
	finishStmt   = newStatement(finishFound)
)

// QueuedNodes returns up to limit nodes that are ready to be uploaded, in order of
// their numbers, all above after.
func (j *Journal) QueuedNodes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return j.nodes(ctx,
		`SELECT `+nodeColumns+` FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`, after, limit)
}

// queuedFound lists queued inodes with what an inode has that is as a scan has found it.
const queuedFound = `SELECT ` + inodeColumns + `, flags, seq, peak FROM inode WHERE state = {queued} AND ino > ? ORDER BY ino LIMIT ?`

// QueuedFound is QueuedNodes for a journal in which most are as a scan has found them: it reads
// fewer columns of these, and leaves their PutOwner 0.
func (j *Journal) QueuedFound(ctx context.Context, after Ino, limit int) ([]Node, error) {
	list := make([]Node, 0, limit)
	err := j.read(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, named(queuedFound), after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for list = list[:0]; rows.Next(); {
			n := Node{Version: clfs.FirstVersion}
			if err := n.Inode.scan(rows, &n.Flags, &n.Seq, &n.Peak); err != nil {
				return err
			}
			list = append(list, n)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read queued inodes: %w", classify(err))
	}
	return list, j.readChanged(ctx, list)
}

// readChanged reads those again of which more columns say something.
func (j *Journal) readChanged(ctx context.Context, list []Node) (err error) {
	for i := range list {
		if n := &list[i]; n.Seq != 0 {
			if *n, err = j.Node(ctx, n.Ino); err != nil {
				return err
			}
		}
	}
	return nil
}

// BlockWork is a block of an open file that is ready to be uploaded.
type BlockWork struct {
	Node  Node
	Block uint64
}

// QueuedBlocks returns up to limit blocks that are ready to be uploaded although
// their files are not, in order of inode and index, all behind the given place.
func (j *Journal) QueuedBlocks(ctx context.Context, afterIno Ino, afterBlock uint64, limit int) ([]BlockWork, error) {
	list, err := queryAll(ctx, j.read, scanBlockWork, `SELECT b.idx, `+nodeColumnsOf+` FROM block b JOIN inode i ON i.ino = b.ino
		WHERE b.state = {block queued} AND (b.ino, b.idx) > (?, ?) AND i.state = {dirty} ORDER BY b.ino, b.idx LIMIT ?`, afterIno, afterBlock, limit)
	if err != nil {
		return nil, fmt.Errorf("list queued blocks: %w", classify(err))
	}
	return list, nil
}

func scanBlockWork(row scanner) (w BlockWork, err error) {
	w.Node, err = scanNode(row, &w.Block)
	return w, err
}

// BlockOutcome says that a block was uploaded.
type BlockOutcome struct {
	Ino   Ino
	Index uint64
	Gen   uint64 // the node's Next when it was taken
	Cseq  uint64 // the node's, likewise
	Early bool   // it was taken from QueuedBlocks
}

// RecordBlocks notes that blocks are in the container. Outcomes of blocks that
// changed meanwhile count for nothing.
func (j *Journal) RecordBlocks(ctx context.Context, list []BlockOutcome) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for _, o := range list {
			if err := recordBlock(t, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d blocks: %w", len(list), err)
	}
	return nil
}

func recordBlock(t *tx, o BlockOutcome) error {
	n, err := t.node(o.Ino)
	if err == ErrNoEntry {
		return nil
	}
	if err != nil || n.Next != o.Gen {
		return err
	}
	b, known, err := findBlock(t, o.Ino, o.Index)
	if err != nil {
		return err
	}
	counts := n.Cseq == o.Cseq && (known && !b.isUp() || !known && o.Index >= n.Sealed)
	if o.Early {
		counts = known && b.State == BlockQueued
	}
	if !counts {
		return nil
	}
	return setBlock(t, o.Ino, Block{Index: o.Index, Gen: n.Next, State: BlockUploaded})
}

// Upload is what became of a node that was taken from the queue.
type Upload struct {
	Node   Node   // as it was taken
	Put    bool   // its inode blob was put, as Node.Version and Owner
	Owner  uint64 // hash64 of the owner in that blob's name
	Sealed bool   // its contents are all in the container
	// Image is the payload of its inode when a publication is to put that
	// because its contents changed: whenever neither PutGen nor ImageGen is
	// what Next is once its contents are sealed.
	Image []byte
}

// RecordUploads notes what was uploaded. A node that did not change meanwhile is
// Done when its inode blob was put, and Sealed when that is left to a publication.
// Of one that changed only what is still true counts: an inode blob whose name or
// contents are others now does not, and is put again under the same name or is
// garbage already.
func (j *Journal) RecordUploads(ctx context.Context, list []Upload) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for i := range list {
			if err := recordUpload(t, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d uploads: %w", len(list), err)
	}
	return nil
}

// finishFound is the end of an inode as a scan has found it, which nothing has changed since.
const finishFound = `UPDATE inode SET state = {done}, flags = ?2, next = ?3, sealed = ?4, mapped = ?4, peak = 0, version = ?5, put_version = ?6,
	put_owner = ?7, put_pub = ?8, put_gen = ?3 WHERE ino = ?1 AND seq = 0 AND state = {queued}`

// recordFound is recordUpload for an inode as a scan has found it, of which no block has a row:
// without reading the row. done is false if it is none any more.
func recordFound(t *tx, u *Upload) (done bool, err error) {
	n := u.Node
	if n.MayHaveRows() || n.PutVersion != 0 || !u.Put || !u.Sealed || n.State != Queued {
		return false, nil
	}
	n.State, n.Flags = Done, n.Flags&Evicted
	if n.Attr.Type == clfs.TypeRegular {
		n.Sealed, n.Next = Blocks(n.Attr.Size), 1
	}
	done, err = changed(finishStmt.Exec(t, n.Ino, n.Flags, n.Next, n.Sealed, n.Version+1, n.Version, int64(u.Owner), t.ledger.publication+1))
	if done {
		t.ledger.count(&u.Node, minusOne)
		t.ledger.count(&n, 1)
		t.queued = true
	}
	return done, err
}

// MayHaveRows reports whether blocks of a node may have rows. Those of a file that is as a scan has
// found it have none if there is one segment at most, which is recorded with its inode.
func (n *Node) MayHaveRows() bool {
	return n.Seq != 0 || n.Attr.Type == clfs.TypeRegular && Blocks(n.Attr.Size) > 2
}

func recordUpload(t *tx, u *Upload) error {
	if done, err := recordFound(t, u); done || err != nil {
		return err
	}
	n, err := t.node(u.Node.Ino)
	if err == ErrNoEntry {
		return nil
	}
	if err != nil || n.State == Removed {
		return err
	}
	before := *n
	if n.Flags&Content != 0 {
		if !u.Sealed || n.Cseq != u.Node.Cseq || n.Next != u.Node.Next {
			return nil
		}
		if err := seal(t, n); err != nil {
			return err
		}
	}
	if err := recordInode(t, n, u); err != nil {
		return err
	}
	if _, err := clearProblemStmt.Exec(t, n.Ino); err != nil {
		return err
	}
	return t.save(&before, n)
}

// recordInode notes where the inode of an upload went.
func recordInode(t *tx, n *Node, u *Upload) error {
	next := Sealed
	switch {
	case u.Put && n.Version != u.Node.Version:
		return nil
	case u.Put:
		// The next publication is the first one that may lead there.
		if err := recordVersion(t, n, n.Version, u.Owner, t.ledger.publication+1); err != nil {
			return err
		}
		n.PutGen = n.Next
		next = Done
	case u.Image != nil:
		if _, err := setImageStmt.Exec(t, n.Ino, u.Image); err != nil {
			return err
		}
		n.ImageGen = n.Next
		n.Flags |= Begun
	}
	if n.Seq != u.Node.Seq || n.State != Queued { // a scan may have found that it is gone
		return nil
	}
	n.State = next
	if next == Done {
		n.Flags &^= Moved | Begun
	} else {
		n.Flags |= Begun // by the next publication
	}
	return nil
}

// recordVersion notes that an inode blob is in the container; the one before it
// is garbage. publication is the number of the first one that may lead to the node if none
// did before.
func recordVersion(t *tx, n *Node, version uint32, owner, publication uint64) error {
	if n.PutVersion != 0 {
		if err := discardVersion(t, n); err != nil {
			return err
		}
	}
	n.PutVersion, n.PutOwner = version, owner
	if n.PutPub == 0 {
		n.PutPub = publication
	}
	n.Version = max(n.Version, version+1)
	return nil
}

// discardVersion makes garbage of the inode blob in the container, and of lower versions.
func discardVersion(t *tx, n *Node) error {
	if err := addGarbage(t, n.Ino, atOnce, n.PutName()); err != nil {
		return err
	}
	if n.Flags&OlderVersions != 0 {
		if err := addForeign(t, n.Ino, atOnce, []Foreign{{OldVersions, n.ID, n.PutVersion, n.ID}}); err != nil {
			return err
		}
	}
	n.Flags &^= OlderVersions | NamedHardLink
	return nil
}

// inodeName is the name of a node's inode blob of which the owner is known by its
// hash.
func inodeName(n *Node, version uint32, owner uint64) string {
	return clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: owner, Version: version,
		Snapshot: clfs.LiveSnapshot, Form: 2}.String()
}

// PutName is the name of the inode blob of a node that is in the container.
func (n *Node) PutName() string {
	name := clfs.Name{ID: n.ID, Type: n.Attr.Type, OwnerHash: n.PutOwner, Version: n.PutVersion,
		Snapshot: clfs.LiveSnapshot, Form: 2}
	if n.Flags&NamedHardLink != 0 {
		name.Type = clfs.TypeHardLink
	}
	return name.String()
}
