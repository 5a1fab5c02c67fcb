package state

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"clfsload/clfs"
)

// Put is an inode that a publication has put.
type Put struct {
	Node   Node   // as it was put: of the snapshot, or of Reserve or AfterUnion
	Owner  uint64 // hash64 of the owner in the blob's name
	Blocks uint64 // of a directory: its segments and 1
	// Final: a directory as the snapshot has it, not the union with what was
	// moved out of it.
	Final bool
	// Complete: of a directory, no entry was left out.
	Complete bool
	// First: a directory that was never put, before ReachNew.
	First bool
}

// AfterUnion is a directory as its final put takes it, once the put of the union
// was recorded.
func (n Node) AfterUnion() Node {
	n.Version++
	n.Next++
	n.Peak = 0
	return n
}

// Reserve notes, durably, that segments of a directory are about to be put, so
// many that with the first, which is in its inode, they are peak. It is to be
// called once for each put of a directory that has segments, which takes the node
// that it returns: where a put before this one was cut off, its segments may be
// published already, and must not be overwritten.
func (j *Journal) Reserve(ctx context.Context, dir Node, peak uint64) (Node, error) {
	err := j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(dir.Ino)
		if err != nil {
			return err
		}
		before := *n
		if n.Peak > 0 {
			if err := t.discardAttempt(n); err != nil {
				return err
			}
			n.Next++
		}
		n.Peak = peak
		dir.Next, dir.Peak = n.Next, n.Peak
		return t.save(&before, n)
	})
	if err != nil {
		return Node{}, fmt.Errorf("reserve segments of directory %d: %w", dir.Ino, err)
	}
	return dir, nil
}

// ReachNew notes that all new directories of the publication are put, so that others
// may lead there from now on. Until then a directory counts as never put: when the
// publication is cut off and it changes, it is put again before anything leads there.
func (j *Journal) ReachNew(ctx context.Context) error {
	err := j.write(ctx, committed, func(t *tx) error {
		_, err := t.mount.reachNew.Exec(t.ledger.publishing, clfs.TypeDirectory)
		return err
	})
	if err != nil {
		return fmt.Errorf("note new directories: %w", err)
	}
	return nil
}

// AnnounceRoot notes, durably, that the root is about to be put for the first time.
// From then on, should this publication be cut off, all that it has put may be in
// reach.
func (j *Journal) AnnounceRoot(ctx context.Context) error {
	err := j.write(ctx, durable, func(t *tx) error {
		n, err := t.node(RootIno)
		if err != nil {
			return err
		}
		before := *n
		n.PutSeq = t.ledger.publishing
		return t.save(&before, n)
	})
	if err != nil {
		return fmt.Errorf("announce root directory: %w", err)
	}
	return nil
}

// discardAttempt makes garbage of all that may have been uploaded as Next, once
// something newer is put.
func (t *tx) discardAttempt(n *Node) error {
	after := n.Next + 2
	if err := t.discardSegments(n, 1, n.Peak, n.Next, after); err != nil {
		return err
	}
	return t.discardIndirect(n, n.Next, n.Peak, nothingKept, after)
}

// RecordPuts notes what a publication has put. What nothing reaches by that any
// more becomes garbage, which is free once the publication has ended.
func (j *Journal) RecordPuts(ctx context.Context, list []Put) error {
	err := j.write(ctx, committed, func(t *tx) error {
		for i := range list {
			if err := t.recordPut(&list[i]); err != nil {
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

func (t *tx) recordPut(p *Put) error {
	n, err := t.node(p.Node.Ino)
	if err == ErrNoEntry {
		return nil
	}
	if err != nil {
		return err
	}
	before := *n
	if n.Version != p.Node.Version {
		if err := t.claimName(n, p); err != nil {
			return err
		}
	}
	if err := t.recordVersion(n, p.Node.Version, p.Owner); err != nil {
		return err
	}
	if n.PutSeq = t.ledger.publishing; p.First {
		n.PutSeq = 0 // nothing leads there: what it lists may not be put yet
	}
	if n.IsDirectory() {
		err = t.recordDirectory(n, p)
	} else {
		err = t.recordChanged(n, p)
	}
	if err != nil {
		return err
	}
	return t.save(&before, n)
}

// claimName takes back that the blob of a put is garbage: the node got another
// owner after the snapshot, but the published namespace has it by this name. For
// the final put of a directory the next version under the same owner is taken as
// well, and stays garbage unless it is put.
func (t *tx) claimName(n *Node, p *Put) error {
	if _, err := t.mount.claim.Exec(n.Ino, inodeName(n, p.Node.Version, p.Owner)); err != nil {
		return err
	}
	if !n.IsDirectory() || p.Final {
		return nil
	}
	n.Version = max(n.Version, p.Node.Version+2)
	return t.addGarbage(n.Ino, atOnce, inodeName(n, p.Node.Version+1, p.Owner))
}

// recordChanged goes on with a node that is no directory. Its contents are those
// of the image, or else what they were in the container.
func (t *tx) recordChanged(n *Node, p *Put) error {
	if p.Node.ImageGen != 0 {
		n.PutGen = p.Node.ImageGen
	}
	if n.ImageGen != 0 && n.ImageGen == p.Node.ImageGen {
		n.ImageGen = 0
		if _, err := t.mount.dropImage.Exec(n.Ino); err != nil {
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

func (t *tx) recordDirectory(n *Node, p *Put) error {
	if err := t.discardSegments(n, 1, n.Mapped, n.sealGen(), atOnce); err != nil {
		return err
	}
	if err := t.discardIndirect(n, n.sealGen(), n.Mapped, nothingKept, atOnce); err != nil {
		return err
	}
	if err := t.discardExcess(n, p.Blocks); err != nil {
		return err
	}
	n.Mapped = p.Blocks
	n.Next++
	n.PutGen, n.Peak = n.Next, 0
	if !p.Final {
		return nil
	}
	for _, stmt := range []*sql.Stmt{t.mount.dropMoved, t.mount.renewMoved} {
		if _, err := stmt.Exec(n.Ino, p.Node.Seq); err != nil {
			return err
		}
	}
	if p.Complete {
		if _, err := t.mount.dropReplaced.Exec(n.Ino, p.Node.Seq); err != nil {
			return err
		}
	}
	if n.Seq != p.Node.Seq || n.State == Removed {
		return nil
	}
	n.Flags &^= Lost | Gained
	if p.Complete {
		n.State = Done
	}
	return nil
}

// EndPublish notes, durably, that the publication of a snapshot is complete.
func (j *Journal) EndPublish(ctx context.Context, seq uint64) error {
	now := time.Now().UnixNano()
	err := j.write(ctx, durable, func(t *tx) error {
		l := &t.ledger.mountLedger
		l.published, l.publishing = seq, 0
		l.Published, l.PublishedAt = l.Nodes(), now
		return nil
	})
	if err != nil {
		return fmt.Errorf("end publication: %w", err)
	}
	return nil
}
