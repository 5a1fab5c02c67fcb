package recovery

import (
	"context"
	"fmt"
	"time"

	"clfsload/clfs"
	"clfsload/state/contents"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var acceptAllStmt = store.NewStatement(`UPDATE inode SET flags = flags & ~{incomplete} WHERE state = {dirty} AND flags & {incomplete}`)

// recoverPage is how many nodes are recovered in one transaction.
const recoverPage = 1000

// Recoverer is the part of a journal that deals with files whose writer was cut off.
type Recoverer struct{ *store.Store }

// Recover is to be called at the start of a mount, before anything else. Files
// that were open for writing when the last one ended become Incomplete, with the
// size and mtime of their staging files, which staged tells. After a reboot also
// those that were closed but not settled: their bytes may never have reached the
// disk; and the numbers of inodes that were not durable are not used again, as their
// staging files may be there. Nodes without a name are not in use any more. It returns
// how many files became incomplete.
func (j Recoverer) Recover(ctx context.Context, rebooted bool,
	staged func(schema.Ino) (size, mtime int64, ok bool)) (cutOff int, err error) {
	if rebooted {
		if err := j.skipNumbers(ctx); err != nil {
			return 0, fmt.Errorf("recover inode numbers: %w", err)
		}
	}
	r := &recovery{rebooted: rebooted, staged: staged}
	if err := j.inPages(ctx, contents.Files{Store: j.Store}.Unsettled, r.recover); err != nil {
		return 0, fmt.Errorf("recover files: %w", err)
	}
	err = j.inPages(ctx, j.orphans, func(t *store.Tx, n *schema.Node) error {
		n.Flags &^= schema.Orphan | schema.Opened
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
	return j.Write(ctx, store.Durable, func(t *store.Tx) error {
		t.Ledger.NextIno += skipped
		return nil
	})
}

func (j Recoverer) orphans(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	return j.Nodes(ctx, `SELECT `+schema.NodeColumns+` FROM inode
		WHERE state = {removed} AND flags & ? AND ino > ? ORDER BY ino LIMIT ?`, schema.Orphan, after, limit)
}

// inPages alters all nodes of a listing, durably.
func (j Recoverer) inPages(ctx context.Context, list func(context.Context, schema.Ino, int) ([]schema.Node, error),
	alter func(*store.Tx, *schema.Node) error) error {
	return store.ChangePages(ctx, j.Store, store.Durable, func(last schema.Node) ([]schema.Node, error) { return list(ctx, last.Ino, recoverPage) },
		func(t *store.Tx, n *schema.Node) error {
			before := *n
			if err := alter(t, n); err != nil {
				return err
			}
			return t.Save(&before, n)
		})
}

type recovery struct {
	rebooted bool
	staged   func(schema.Ino) (size, mtime int64, ok bool)
	cutOff   int
}

func (r *recovery) recover(t *store.Tx, n *schema.Node) error {
	switch {
	case n.Attr.Type != clfs.TypeRegular:
		return nil
	case n.Flags&schema.Opened != 0:
		n.Flags &^= schema.Opened
		if size, mtime, ok := r.staged(n.Ino); ok {
			if mtime != n.Attr.Mtime { // it was written then, and what changes the mtime changes the ctime
				n.Attr.Ctime = max(n.Attr.Ctime, min(mtime, time.Now().UnixNano()))
			}
			n.Attr.Mtime = mtime
			contents.Touch(t, n)
			if err := contents.Resize(t, n, size); err != nil {
				return err
			}
			if err := r.dirtyStaged(t, n); err != nil {
				return err
			}
		}
	case !r.rebooted || n.Attr.Size == 0 || n.Flags&schema.Content == 0 || n.Flags&(schema.Synced|schema.Incomplete) != 0:
		return nil
	}
	if n.Flags&schema.Incomplete == 0 {
		r.cutOff++
	}
	n.Flags |= schema.Incomplete
	return nil
}

// dirtyStaged notes after a power cut that any block in staging of a file that was being
// written may differ from what is in the container: what was noted may be lost.
func (r *recovery) dirtyStaged(t *store.Tx, n *schema.Node) error {
	if !r.rebooted {
		return nil
	}
	for index := range schema.Blocks(n.Attr.Size) {
		b, known, err := store.FindBlock(t, n.Ino, index)
		if err != nil {
			return err
		}
		if b.State == schema.BlockRemote || !known && n.Flags&schema.Evicted != 0 {
			continue
		}
		if _, err := contents.DirtyBlock(t, n, index); err != nil {
			return err
		}
	}
	return nil
}

// Incompletes returns up to limit files whose writer was cut off, in order of
// their numbers, all above after.
func (j Recoverer) Incompletes(ctx context.Context, after schema.Ino, limit int) ([]schema.Node, error) {
	return store.NodesOf(ctx, j.ReadAtLength, `SELECT `+schema.NodeColumns+` FROM inode
		WHERE state = {dirty} AND flags & ? AND ino > ? ORDER BY ino LIMIT ?`, schema.Incomplete, after, limit)
}

// AcceptIncomplete makes all incomplete files ordinary ones, as they are, and
// returns how many there were.
func (j Recoverer) AcceptIncomplete(ctx context.Context) (n int, err error) {
	err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
		accepted, err := store.Affected(acceptAllStmt.Exec(t))
		n = int(accepted)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("accept incomplete files: %w", err)
	}
	return n, nil
}
