package upload

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/garbage"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var finishStmt = store.NewStatement(finishFound)

// BlockOutcome says that a block was uploaded.
type BlockOutcome struct {
	Ino   schema.Ino
	Index uint64
	Gen   uint64 // the node's Next when it was taken
	Cseq  uint64 // the node's, likewise
	Early bool   // it was taken from QueuedBlocks
}

// RecordBlocks notes that blocks are in the container. Outcomes of blocks that
// changed meanwhile count for nothing.
func (j Queue) RecordBlocks(ctx context.Context, list []BlockOutcome) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
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

func recordBlock(t *store.Tx, o BlockOutcome) error {
	n, err := t.Node(o.Ino)
	if err == schema.ErrNoEntry {
		return nil
	}
	if err != nil || n.Next != o.Gen {
		return err
	}
	b, known, err := store.FindBlock(t, o.Ino, o.Index)
	if err != nil {
		return err
	}
	counts := n.Cseq == o.Cseq && (known && !b.IsUp() || !known && o.Index >= n.SealedBlocks)
	if o.Early {
		counts = known && b.State == schema.BlockQueued
	}
	if !counts {
		return nil
	}
	return store.SetBlock(t, o.Ino, schema.Block{Index: o.Index, Gen: n.Next, State: schema.BlockUploaded})
}

// Upload is what became of a node that was taken from the queue.
type Upload struct {
	Node             schema.Node // as it was taken
	Put              bool        // its inode blob was put, as Node.Version and Owner
	Owner            uint64      // hash64 of the owner in that blob's name
	ContentsUploaded bool        // its contents are all in the container
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
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
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
func recordFound(t *store.Tx, u *Upload) (done bool, err error) {
	n := u.Node
	if n.MayHaveRows() || n.PutVersion != 0 || !u.Put || !u.ContentsUploaded || n.State != schema.Queued {
		return false, nil
	}
	n.State, n.Flags = schema.Done, n.Flags&schema.Evicted
	if n.Attr.Type == clfs.TypeRegular {
		n.SealedBlocks, n.Next = schema.Blocks(n.Attr.Size), 1
	}
	done, err = store.Changed(finishStmt.Exec(t, n.Ino, n.Flags, n.Next, n.SealedBlocks, n.Version+1, n.Version, int64(u.Owner), t.Ledger.Publication+1))
	if done {
		t.Ledger.Count(&u.Node, schema.MinusOne)
		t.Ledger.Count(&n, 1)
		t.Queued = true
	}
	return done, err
}

func recordUpload(t *store.Tx, u *Upload) error {
	if done, err := recordFound(t, u); done || err != nil {
		return err
	}
	n, err := t.Node(u.Node.Ino)
	if err == schema.ErrNoEntry {
		return nil
	}
	if err != nil || n.State == schema.Removed {
		return err
	}
	before := *n
	if n.Flags&schema.Content != 0 {
		if !u.ContentsUploaded || n.Cseq != u.Node.Cseq || n.Next != u.Node.Next {
			return nil
		}
		if err := contents.Seal(t, n); err != nil {
			return err
		}
	}
	if err := RecordInode(t, n, u); err != nil {
		return err
	}
	if err := garbage.ClearUploadFailure(t, n.Ino); err != nil {
		return err
	}
	return t.Save(&before, n)
}

// RecordInode notes where the inode of an upload went.
func RecordInode(t *store.Tx, n *schema.Node, u *Upload) error {
	next := schema.Sealed
	switch {
	case u.Put && n.Version != u.Node.Version:
		return nil
	case u.Put:
		// The next publication is the first one that may lead there.
		if err := garbage.RecordVersion(t, n, n.Version, u.Owner, t.Ledger.Publication+1); err != nil {
			return err
		}
		n.PutGen = n.Next
		next = schema.Done
	case u.Image != nil:
		if err := contents.SetImage(t, n.Ino, u.Image); err != nil {
			return err
		}
		n.ImageGen = n.Next
		n.Flags |= schema.Begun
	}
	if n.Seq != u.Node.Seq || n.State != schema.Queued { // a scan may have found that it is gone
		return nil
	}
	n.State = next
	if next == schema.Done {
		n.Flags &^= schema.Renamed | schema.Begun
	} else {
		n.Flags |= schema.Begun // by the next publication
	}
	return nil
}
