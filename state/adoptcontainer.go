package state

import (
	"database/sql"
	"time"

	"clfsload/clfs"
)

// Adoption is the state of a container that a journal adopts.
type Adoption struct {
	Root        AdoptedNode
	Publication uint64 // number of the last publication in it; 0: nobody knows
	MarkID      string // of its mark; "": it has none
}

// insertAdopted makes the rows of a new journal that adopts a container.
func insertAdopted(q *sql.Tx, s Settings, a Adoption) error {
	if err := insertRoot(q, s, a.Root.Attr); err != nil {
		return err
	}
	root := Node{}
	root.Ino, root.Parent, root.Name, root.ID, root.State = RootIno, RootIno, []byte(s.RootName), clfs.RootID, Remote
	takeOver(&root, &a.Root, 1)
	root.Flags |= Unlisted
	root.PutPub = 1
	phase := PhaseTransfer // a mount goes on for ever
	if s.Kind != KindMount {
		phase = PhaseComplete // until BeginLoad
	}
	if _, err := q.Exec(`UPDATE inode SET `+savedColumns+`, state = ?27 WHERE ino = ?1`, append(root.values(), root.State)...); err != nil {
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
