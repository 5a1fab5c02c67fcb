package adopt

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	oddIDStmt    = store.NewStatement(`SELECT ino FROM odd_id WHERE id = ?`)
	addOddIDStmt = store.NewStatement(`INSERT OR REPLACE INTO odd_id (id, ino) VALUES (?, ?)`)
)

// inodeOf returns the node of an id, or nil and the number that it is to get: 0 for one of ours.
// The numbers that this journal gives to its own inodes are no other's.
func inodeOf(t *store.Tx, id clfs.ID) (n *schema.Node, ino schema.Ino, err error) {
	if ino = numberOf(t, id); ino != 0 {
		n, err = t.Node(ino)
		if err != nil && err != schema.ErrNoEntry || err == nil && n.ID == id {
			return n, ino, err
		}
		if err == nil || t.Settings.OwnNumbers().Has(ino) {
			ino = 0
		}
	}
	n, err = oddInode(t, id) // it may have become one when its number was another's
	return n, ino, err
}

// oddInode returns the node of an id that does not have the number of it, or nil.
func oddInode(t *store.Tx, id clfs.ID) (*schema.Node, error) {
	var ino schema.Ino
	err := oddIDStmt.QueryRow(t, []byte(id)).Scan(&ino)
	if store.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.Node(ino)
}

// numberOf is the number that an id asks for; 0: none.
func numberOf(t *store.Tx, id clfs.ID) schema.Ino {
	if id == clfs.RootID {
		return schema.RootIno
	}
	h, err := clfs.ParseHandle(id)
	if err != nil || h.ContainerID != t.Settings.ContainerID&clfs.ContainerIDMask || h.Sequence < clfs.FirstSequence ||
		h.Sequence >= schema.MaxNumber {
		return 0
	}
	return schema.Ino(h.Sequence)
}

// NodeOf returns the node of an id. Errors: ErrNoEntry when it was not read yet, or is removed.
func (j Adopter) NodeOf(ctx context.Context, id clfs.ID) (n schema.Node, err error) {
	err = j.Write(ctx, store.Committed, func(t *store.Tx) error {
		found, _, err := inodeOf(t, id)
		if err != nil {
			return err
		}
		if found == nil || found.State == schema.Removed {
			return schema.ErrNoEntry
		}
		n = *found
		return nil
	})
	if err != nil {
		return schema.Node{}, fmt.Errorf("find inode %s: %w", id, err)
	}
	return n, nil
}
