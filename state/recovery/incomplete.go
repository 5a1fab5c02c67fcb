package recovery

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// CutOff returns up to limit files that are Incomplete, or that the next Recover makes
// so, in order of their numbers, all above after. It is for a journal of which no mount
// runs.
func (j Recoverer) CutOff(ctx context.Context, rebooted bool, after schema.Ino, limit int) ([]schema.Node, error) {
	return j.Nodes(ctx, `SELECT `+schema.NodeColumns+` FROM inode
		WHERE state = {dirty} AND ino > ?1 AND type = ?2 AND (flags & ?3 OR ?4 AND size > 0 AND flags & ?5 = ?6)
		ORDER BY ino LIMIT ?7`,
		after, clfs.TypeRegular, schema.Opened|schema.Incomplete, rebooted, schema.Content|schema.Synced, schema.Content, limit)
}

// AcceptFile makes an incomplete file an ordinary one, as it is. It reports false for
// one that is open for writing, or not incomplete any more.
func (j Recoverer) AcceptFile(ctx context.Context, ino schema.Ino) (accepted bool, err error) {
	_, err = j.Change(ctx, ino, "accept", func(_ *store.Tx, n *schema.Node) error {
		if accepted = isCutOff(n); accepted {
			n.Flags &^= schema.Incomplete
		}
		return nil
	})
	return accepted, err
}

// isCutOff reports whether a file is incomplete, and nobody is writing it again.
func isCutOff(n *schema.Node) bool {
	return n.State == schema.Dirty && n.Flags&(schema.Opened|schema.Incomplete) == schema.Incomplete
}

// Removal is a name that was taken away.
type Removal struct {
	Dir  schema.Ino
	Name []byte
}

// RemoveIncomplete is Unlink for all names of an incomplete file. It returns the node as
// it is then, and the names, none for a file that is open for writing, or not
// incomplete any more. Errors: ErrNoEntry.
func (j Recoverer) RemoveIncomplete(ctx context.Context, ino schema.Ino, now int64, inUse func(schema.Ino) bool) (gone schema.Node, names []Removal, err error) {
	err = j.Write(ctx, store.Acknowledged, func(t *store.Tx) error {
		n, err := t.Node(ino)
		if err != nil {
			return err
		}
		if err := namespace.CheckAllNames(t, n); err != nil {
			return err
		}
		gone, names = *n, nil
		for isCutOff(&gone) {
			r := namespace.Removal{Dir: gone.Parent, Name: gone.Name, Now: now, InUse: inUse}
			if gone, err = namespace.Unlink(t, &r); err != nil {
				return err
			}
			names = append(names, Removal{r.Dir, r.Name})
		}
		return nil
	})
	if err != nil {
		return schema.Node{}, nil, fmt.Errorf("remove incomplete file %d: %w", ino, err)
	}
	return gone, names, nil
}
