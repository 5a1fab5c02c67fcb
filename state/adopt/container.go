package adopt

import (
	"database/sql"
	"time"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

// Adoption is the state of a container that a journal adopts.
type Adoption struct {
	Root        AdoptedNode
	Publication uint64 // number of the last publication in it; 0: nobody knows
	MarkID      string // of its mark; "": it has none
}

// Insert makes the rows of a new journal that adopts a container.
func Insert(q *sql.Tx, s schema.Settings, a Adoption) error {
	if err := store.InsertRoot(q, s, a.Root.Attr); err != nil {
		return err
	}
	root := schema.Node{}
	root.Ino, root.Parent, root.Name, root.ID, root.State = schema.RootIno, schema.RootIno, []byte(s.RootName), clfs.RootID, schema.Remote
	takeOver(&root, &a.Root, 1)
	root.Flags |= schema.Unlisted
	root.PutPub = 1
	phase := schema.PhaseTransfer // a mount goes on for ever
	if s.Kind != schema.KindMount {
		phase = schema.PhaseComplete // until BeginLoad
	}
	if _, err := q.Exec(`UPDATE inode SET `+schema.SavedColumns+`, state = ?27 WHERE ino = ?1`, append(root.Values(), root.State)...); err != nil {
		return err
	}
	publication := max(a.Publication, 1)
	_, err := q.Exec(`UPDATE ledger SET next_ino = ?1, publication = ?2, reached = ?2, completed = ?2, published_at = ?3,
		held = 0, adopted_nodes = 1, phase = ?4`, s.OwnNumbers().First, publication, time.Now().UnixNano(), phase)
	if err != nil {
		return err
	}
	_, err = q.Exec(`UPDATE mark SET publication = ?, newest = ?`, a.Publication, a.MarkID)
	return err
}
