package state

import (
	"context"
	"fmt"
	"time"

	"clfsload/clfs"
)

var acceptAllStmt = newStatement(`UPDATE inode SET flags = flags & ~{incomplete} WHERE state = {dirty} AND flags & {incomplete}`)

// recoverPage is how many nodes are recovered in one transaction.
const recoverPage = 1000

// Recoverer is the part of a journal that deals with files whose writer was cut off.
type Recoverer struct{ *Store }

// Recover is to be called at the start of a mount, before anything else. Files
// that were open for writing when the last one ended become Incomplete, with the
// size and mtime of their staging files, which staged tells. After a reboot also
// those that were closed but not settled: their bytes may never have reached the
// disk; and the numbers of inodes that were not durable are not used again, as their
// staging files may be there. Nodes without a name are not in use any more. It returns
// how many files became incomplete.
func (j Recoverer) Recover(ctx context.Context, rebooted bool,
	staged func(Ino) (size, mtime int64, ok bool)) (cutOff int, err error) {
	if rebooted {
		if err := j.skipNumbers(ctx); err != nil {
			return 0, fmt.Errorf("recover inode numbers: %w", err)
		}
	}
	r := &recovery{rebooted: rebooted, staged: staged}
	if err := j.inPages(ctx, Files{Store: j.Store}.Unsettled, r.recover); err != nil {
		return 0, fmt.Errorf("recover files: %w", err)
	}
	err = j.inPages(ctx, j.orphans, func(t *tx, n *Node) error {
		n.Flags &^= Orphan | Opened
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("recover removed nodes: %w", err)
	}
	return r.cutOff, nil
}

// skipped is more inodes than are made before the journal reaches the disk: its log is
// synced at the latest when it has mountCheckpointPages pages.
const skipped = 1 << 20

func (j Recoverer) skipNumbers(ctx context.Context) error {
	return j.write(ctx, durable, func(t *tx) error {
		t.ledger.nextIno += skipped
		return nil
	})
}

func (j Recoverer) orphans(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return j.nodes(ctx, `SELECT `+nodeColumns+` FROM inode
		WHERE state = {removed} AND flags & ? AND ino > ? ORDER BY ino LIMIT ?`, Orphan, after, limit)
}

// inPages alters all nodes of a listing, durably.
func (j Recoverer) inPages(ctx context.Context, list func(context.Context, Ino, int) ([]Node, error),
	alter func(*tx, *Node) error) error {
	return changePages(ctx, j.Store, durable, func(last Node) ([]Node, error) { return list(ctx, last.Ino, recoverPage) },
		func(t *tx, n *Node) error {
			before := *n
			if err := alter(t, n); err != nil {
				return err
			}
			return t.save(&before, n)
		})
}

type recovery struct {
	rebooted bool
	staged   func(Ino) (size, mtime int64, ok bool)
	cutOff   int
}

func (r *recovery) recover(t *tx, n *Node) error {
	switch {
	case n.Attr.Type != clfs.TypeRegular:
		return nil
	case n.Flags&Opened != 0:
		n.Flags &^= Opened
		if size, mtime, ok := r.staged(n.Ino); ok {
			if mtime != n.Attr.Mtime { // it was written then, and what changes the mtime changes the ctime
				n.Attr.Ctime = max(n.Attr.Ctime, min(mtime, time.Now().UnixNano()))
			}
			n.Attr.Mtime = mtime
			touchContents(t, n)
			if err := resize(t, n, size); err != nil {
				return err
			}
			if err := r.dirtyStaged(t, n); err != nil {
				return err
			}
		}
	case !r.rebooted || n.Attr.Size == 0 || n.Flags&Content == 0 || n.Flags&(Synced|Incomplete) != 0:
		return nil
	}
	if n.Flags&Incomplete == 0 {
		r.cutOff++
	}
	n.Flags |= Incomplete
	return nil
}

// dirtyStaged notes after a power cut that any block in staging of a file that was being
// written may differ from what is in the container: what was noted may be lost.
func (r *recovery) dirtyStaged(t *tx, n *Node) error {
	if !r.rebooted {
		return nil
	}
	for index := range Blocks(n.Attr.Size) {
		b, known, err := findBlock(t, n.Ino, index)
		if err != nil {
			return err
		}
		if b.State == BlockRemote || !known && n.Flags&Evicted != 0 {
			continue
		}
		if _, err := dirtyBlock(t, n, index); err != nil {
			return err
		}
	}
	return nil
}

// Incompletes returns up to limit files whose writer was cut off, in order of
// their numbers, all above after.
func (j Recoverer) Incompletes(ctx context.Context, after Ino, limit int) ([]Node, error) {
	return nodesOf(ctx, j.readAtLength, `SELECT `+nodeColumns+` FROM inode
		WHERE state = {dirty} AND flags & ? AND ino > ? ORDER BY ino LIMIT ?`, Incomplete, after, limit)
}

// AcceptIncomplete makes all incomplete files ordinary ones, as they are, and
// returns how many there were.
func (j Recoverer) AcceptIncomplete(ctx context.Context) (n int, err error) {
	err = j.write(ctx, durable, func(t *tx) error {
		accepted, err := affected(acceptAllStmt.Exec(t))
		n = int(accepted)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("accept incomplete files: %w", err)
	}
	return n, nil
}
