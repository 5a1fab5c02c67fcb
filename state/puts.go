package state

import (
	"context"
	"fmt"
)

var finishDirectoryStmt = newStatement(finishDirectory)

// Put is an inode that a publication has put.
type Put struct {
	Node   Node   // as it was put: of the snapshot, or of Reserve
	Owner  uint64 // hash64 of the owner in the blob's name
	Blocks uint64 // of a directory: its segments and 1
	// Replaced are the segments of the listing before, of a directory that was adopted.
	Replaced []Foreign
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
func (j Publisher) Reserve(ctx context.Context, dir Node, peak uint64, first bool) (Node, error) {
	err := j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		before := *n
		if first && n.Peak > 0 {
			if err := discardAttempt(t, n); err != nil {
				return err
			}
			n.Next++
		}
		n.Peak = max(n.Peak, peak)
		if first {
			n.Peak = peak
		}
		dir.Next, dir.Peak = n.Next, n.Peak
		return t.save(&before, n)
	})
	if err != nil {
		return Node{}, fmt.Errorf("reserve segments of directory %d: %w", dir.Ino, err)
	}
	return dir, nil
}

// discardAttempt makes garbage of all that may have been uploaded as Next, once
// something newer is put.
func discardAttempt(t *tx, n *Node) error {
	after := n.Next + 2
	if err := discardSegments(t, n, 1, n.Peak, n.Next, after); err != nil {
		return err
	}
	return discardIndirect(t, n, n.Next, n.Peak, nothingKept, after)
}

// RecordPuts notes what a publication has put. What nothing reaches by that any
// more becomes garbage, which is free once the publication has ended.
func (j Publisher) RecordPuts(ctx context.Context, list []Put) error {
	err := j.write(ctx, committed, func(t *tx) error {
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
func recordFoundDirectory(t *tx, p *Put) (done bool, err error) {
	n := p.Node
	if !n.IsDirectory() || n.Seq != 0 || n.PutVersion != 0 || n.Next != 0 || n.Flags&^Unordered != 0 || !p.Final || !p.Complete {
		return false, nil
	}
	done, err = changed(finishDirectoryStmt.Exec(t, n.Ino, p.Blocks, n.Version+1, n.Version, int64(p.Owner), t.ledger.publication))
	if done {
		t.ledger.count(&n, minusOne)
		n.State = Done
		t.ledger.count(&n, 1)
	}
	return done, err
}

func recordPut(t *tx, p *Put) error {
	if done, err := recordFoundDirectory(t, p); done || err != nil {
		return err
	}
	n, err := t.node(p.Node.Ino)
	if err == ErrNoEntry {
		return nil
	}
	if err != nil {
		return err
	}
	before := *n
	if n.Version != p.Node.Version {
		// It got another owner after the snapshot, but the container has it by this name.
		if err := reclaim(t, n.Ino, inodeName(n, p.Node.Version, p.Owner)); err != nil {
			return err
		}
	}
	if err := recordVersion(t, n, p.Node.Version, p.Owner, t.ledger.publication); err != nil {
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
	return t.save(&before, n)
}

// recordChanged goes on with a node that is no directory. Its contents are those
// of the image, or else what they were in the container.
func recordChanged(t *tx, n *Node, p *Put) error {
	if p.Node.ImageGen != 0 {
		n.PutGen = p.Node.ImageGen
	}
	if n.ImageGen != 0 && n.ImageGen == p.Node.ImageGen {
		n.ImageGen = 0
		if err := dropImage(t, n.Ino); err != nil {
			return err
		}
	}
	if n.Seq != p.Node.Seq || n.State == Removed {
		return nil
	}
	n.Flags &^= Moved
	if n.ImageGen != 0 {
		return nil // its upload came to its end while this publication ran: the next one has it
	}
	if n.State == Sealed || n.Flags&Opened == 0 && n.ContentsCurrent() {
		n.State = Done
		n.Flags &^= Begun
	}
	return nil
}

func recordDirectory(t *tx, n *Node, p *Put) error {
	if err := addForeign(t, n.Ino, atOnce, p.Replaced); err != nil {
		return err
	}
	if err := replaceListing(t, n, p.Blocks); err != nil {
		return err
	}
	asPut := n.Seq == p.Node.Seq && n.State != Removed && p.Complete
	if asPut {
		n.Flags &^= Grown
	}
	if !p.Final {
		return nil
	}
	if err := dropTombstones(t, n, p.Snapshot); err != nil {
		return err
	}
	left, err := hasTombstones(t, n)
	if asPut && !left {
		n.State = Done
	}
	return err
}

// replaceListing notes how many segments the listing of a directory has now. Those of the
// one before it are garbage.
func replaceListing(t *tx, n *Node, blocks uint64) error {
	if err := discardSegments(t, n, 1, n.Mapped, n.sealGen(), atOnce); err != nil {
		return err
	}
	if err := discardIndirect(t, n, n.sealGen(), n.Mapped, nothingKept, atOnce); err != nil {
		return err
	}
	if blocks == 1 { // otherwise the put has reserved its segments, and discarded any before
		if err := discardExcess(t, n, blocks); err != nil {
			return err
		}
	}
	n.Mapped = blocks
	n.Next++
	n.PutGen, n.Peak = n.Next, 0
	n.Flags &^= BaseMap
	return nil
}
