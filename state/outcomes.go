package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var finishStmt = newStatement(finishFound)

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
func (j Queue) RecordBlocks(ctx context.Context, list []BlockOutcome) error {
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
func (j Queue) RecordUploads(ctx context.Context, list []Upload) error {
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
	if err := clearUploadFailure(t, n.Ino); err != nil {
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
		if err := setImage(t, n.Ino, u.Image); err != nil {
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
