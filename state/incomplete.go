package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// CutOff returns up to limit files that are Incomplete, or that the next Recover makes
// so, in order of their numbers, all above after. It is for a journal of which no mount
// runs.
func (j Recoverer) CutOff(ctx context.Context, rebooted bool, after Ino, limit int) ([]Node, error) {
	return j.nodes(ctx, `SELECT `+nodeColumns+` FROM inode
		WHERE state = {dirty} AND ino > ?1 AND type = ?2 AND (flags & ?3 OR ?4 AND size > 0 AND flags & ?5 = ?6)
		ORDER BY ino LIMIT ?7`,
		after, clfs.TypeRegular, Opened|Incomplete, rebooted, Content|Synced, Content, limit)
}

// AcceptFile makes an incomplete file an ordinary one, as it is. It reports false for
// one that is open for writing, or not incomplete any more.
func (j Recoverer) AcceptFile(ctx context.Context, ino Ino) (accepted bool, err error) {
	_, err = j.change(ctx, ino, "accept", func(_ *tx, n *Node) error {
		if accepted = isCutOff(n); accepted {
			n.Flags &^= Incomplete
		}
		return nil
	})
	return accepted, err
}

// isCutOff reports whether a file is incomplete, and nobody is writing it again.
func isCutOff(n *Node) bool {
	return n.State == Dirty && n.Flags&(Opened|Incomplete) == Incomplete
}

// Removal is a name that was taken away.
type Removal struct {
	Dir  Ino
	Name []byte
}

// RemoveIncomplete is Unlink for all names of an incomplete file. It returns the node as
// it is then, and the names, none for a file that is open for writing, or not
// incomplete any more. Errors: ErrNoEntry.
func (j Recoverer) RemoveIncomplete(ctx context.Context, ino Ino, now int64, inUse func(Ino) bool) (gone Node, names []Removal, err error) {
	err = j.write(ctx, acknowledged, func(t *tx) error {
		n, err := t.node(ino)
		if err != nil {
			return err
		}
		if err := checkAllNames(t, n); err != nil {
			return err
		}
		gone, names = *n, nil
		for isCutOff(&gone) {
			r := removal{dir: gone.Parent, name: gone.Name, now: now, inUse: inUse}
			if gone, err = unlink(t, &r); err != nil {
				return err
			}
			names = append(names, Removal{r.dir, r.name})
		}
		return nil
	})
	if err != nil {
		return Node{}, nil, fmt.Errorf("remove incomplete file %d: %w", ino, err)
	}
	return gone, names, nil
}
