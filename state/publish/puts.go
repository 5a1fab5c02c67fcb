package publish

import (
	"context"
	"fmt"

	"clfsload/state/contents"
	"clfsload/state/garbage"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var finishDirectoryStmt = store.NewStatement(finishDirectory)

// Put is an inode that a publication has put.
type Put struct {
	Node   schema.Node // as it was put: of the snapshot, or of Reserve
	Owner  uint64      // hash64 of the owner in the blob's name
	Blocks uint64      // of a directory: its segments and 1
	// Replaced are the segments of the listing before, of a directory that was adopted.
	Replaced []garbage.Foreign
	// Snapshot is the number of the snapshot's last change.
	Snapshot uint64
	// Final: of a directory, its final form.
	Final bool
	// Complete: of a directory, no entry was left out that the next publication may have.
	Complete bool
}

// Reserve notes, durably, that segments of a directory are about to be put, so
// many that with the first, which is in its inode, they are peak. first is set the first time that
// it is called for a put of a directory, which takes the node
// that it returns: where a put before this one was cut off, its segments may be
// published already, and must not be overwritten.
func (j Publisher) Reserve(ctx context.Context, dir schema.Node, peak uint64, first bool) (schema.Node, error) {
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		n, err := t.Node(dir.Ino)
		if err != nil {
			return err
		}
		before := *n
		if first && n.Reserved > 0 {
			if err := discardAttempt(t, n); err != nil {
				return err
			}
			n.Next++
		}
		n.Reserved = max(n.Reserved, peak)
		if first {
			n.Reserved = peak
		}
		dir.Next, dir.Reserved = n.Next, n.Reserved
		return t.Save(&before, n)
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("reserve segments of directory %d: %w", dir.Ino, err)
	}
	return dir, nil
}

// discardAttempt makes garbage of all that may have been uploaded as Next, once
// something newer is put.
func discardAttempt(t *store.Tx, n *schema.Node) error {
	after := n.Next + 2
	if err := garbage.AddSegments(t, n, 1, n.Reserved, n.Next, after); err != nil {
		return err
	}
	return garbage.AddIndirect(t, n, n.Next, n.Reserved, garbage.NothingKept, after)
}

// RecordPuts notes what a publication has put. What nothing reaches by that any
// more becomes garbage, which is free once the publication has ended.
func (j Publisher) RecordPuts(ctx context.Context, list []Put) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		for i := range list {
			if err := recordPut(t, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d published inodes: %w", len(list), err)
	}
	return nil
}

// finishDirectory is the end of a directory as a scan has found it, which nothing has changed since.
const finishDirectory = `UPDATE inode SET state = {done}, next = 1, mapped = ?2, peak = 0, version = ?3, put_version = ?4,
	put_owner = ?5, put_pub = ?6, put_gen = 1 WHERE ino = ?1 AND seq = 0 AND state = {held}`

// recordFoundDirectory is recordPut for a directory that was put for the first time, as a scan has
// found it, which has no tombstones then: without reading the row. done is false if it is none any more.
func recordFoundDirectory(t *store.Tx, p *Put) (done bool, err error) {
	n := p.Node
	if !n.IsDirectory() || n.Seq != 0 || n.PutVersion != 0 || n.Next != 0 || n.Flags&^schema.Unordered != 0 || !p.Final || !p.Complete {
		return false, nil
	}
	done, err = store.Changed(finishDirectoryStmt.Exec(t, n.Ino, p.Blocks, n.Version+1, n.Version, int64(p.Owner), t.Ledger.Publication))
	if done {
		t.Ledger.Count(&n, schema.MinusOne)
		n.State = schema.Done
		t.Ledger.Count(&n, 1)
	}
	return done, err
}

func recordPut(t *store.Tx, p *Put) error {
	if done, err := recordFoundDirectory(t, p); done || err != nil {
		return err
	}
	n, err := t.Node(p.Node.Ino)
	if err == schema.ErrNoEntry {
		return nil
	}
	if err != nil {
		return err
	}
	before := *n
	if n.Version != p.Node.Version {
		// It got another owner after the snapshot, but the container has it by this name.
		if err := garbage.Reclaim(t, n.Ino, schema.InodeName(n, p.Node.Version, p.Owner)); err != nil {
			return err
		}
	}
	if err := garbage.RecordVersion(t, n, p.Node.Version, p.Owner, t.Ledger.Publication); err != nil {
		return err
	}
	if n.IsDirectory() {
		err = recordDirectory(t, n, p)
	} else {
		err = recordChanged(t, n, p)
	}
	if err != nil {
		return err
	}
	return t.Save(&before, n)
}

// recordChanged goes on with a node that is no directory. Its contents are those
// of the image, or else what they were in the container.
func recordChanged(t *store.Tx, n *schema.Node, p *Put) error {
	if p.Node.ImageGen != 0 {
		n.PutGen = p.Node.ImageGen
	}
	if n.ImageGen != 0 && n.ImageGen == p.Node.ImageGen {
		n.ImageGen = 0
		if err := garbage.DropImage(t, n.Ino); err != nil {
			return err
		}
	}
	if n.Seq != p.Node.Seq || n.State == schema.Removed {
		return nil
	}
	n.Flags &^= schema.Renamed
	if n.ImageGen != 0 {
		return nil // its upload came to its end while this publication ran: the next one has it
	}
	if n.State == schema.Sealed || n.Flags&schema.Opened == 0 && n.ContentsCurrent() {
		n.State = schema.Done
		n.Flags &^= schema.Begun
	}
	return nil
}

func recordDirectory(t *store.Tx, n *schema.Node, p *Put) error {
	if err := garbage.AddForeign(t, n.Ino, garbage.AtOnce, p.Replaced); err != nil {
		return err
	}
	if err := replaceListing(t, n, p.Blocks); err != nil {
		return err
	}
	asPut := n.Seq == p.Node.Seq && n.State != schema.Removed && p.Complete
	if asPut {
		n.Flags &^= schema.Grown
	}
	if !p.Final {
		return nil
	}
	if err := namespace.DropTombstones(t, n, p.Snapshot); err != nil {
		return err
	}
	left, err := namespace.HasTombstones(t, n)
	if asPut && !left {
		n.State = schema.Done
	}
	return err
}

// replaceListing notes how many segments the listing of a directory has now. Those of the
// one before it are garbage.
func replaceListing(t *store.Tx, n *schema.Node, blocks uint64) error {
	if err := garbage.AddSegments(t, n, 1, n.MappedBlocks, n.SealGen(), garbage.AtOnce); err != nil {
		return err
	}
	if err := garbage.AddIndirect(t, n, n.SealGen(), n.MappedBlocks, garbage.NothingKept, garbage.AtOnce); err != nil {
		return err
	}
	if blocks == 1 { // otherwise the put has reserved its segments, and discarded any before
		if err := contents.DiscardExcess(t, n, blocks); err != nil {
			return err
		}
	}
	n.MappedBlocks = blocks
	n.Next++
	n.PutGen, n.Reserved = n.Next, 0
	n.Flags &^= schema.BaseMap
	return nil
}
