package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	oddIDStmt    = newStatement(`SELECT ino FROM odd_id WHERE id = ?`)
	addOddIDStmt = newStatement(`INSERT OR REPLACE INTO odd_id (id, ino) VALUES (?, ?)`)
)

// inodeOf returns the node of an id, or nil and the number that it is to get: 0 for one of ours.
// The numbers that this journal gives to its own inodes are no other's.
func inodeOf(t *tx, id clfs.ID) (n *Node, ino Ino, err error) {
	if ino = numberOf(t, id); ino != 0 {
		n, err = t.node(ino)
		if err != nil && err != ErrNoEntry || err == nil && n.ID == id {
			return n, ino, err
		}
		if err == nil || t.settings.OwnNumbers().Has(ino) {
			ino = 0
		}
	}
	n, err = oddInode(t, id) // it may have become one when its number was another's
	return n, ino, err
}

// oddInode returns the node of an id that does not have the number of it, or nil.
func oddInode(t *tx, id clfs.ID) (*Node, error) {
	var ino Ino
	err := oddIDStmt.QueryRow(t, []byte(id)).Scan(&ino)
	if noRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.node(ino)
}

// numberOf is the number that an id asks for; 0: none.
func numberOf(t *tx, id clfs.ID) Ino {
	if id == clfs.RootID {
		return RootIno
	}
	h, err := clfs.ParseHandle(id)
	if err != nil || h.ContainerID != t.settings.ContainerID&clfs.ContainerIDMask || h.Sequence < clfs.FirstSequence ||
		h.Sequence >= maxNumber {
		return 0
	}
	return Ino(h.Sequence)
}

// NodeOf returns the node of an id. Errors: ErrNoEntry when it was not read yet, or is removed.
func (j Adopter) NodeOf(ctx context.Context, id clfs.ID) (n Node, err error) {
	err = j.write(ctx, committed, func(t *tx) error {
		found, _, err := inodeOf(t, id)
		if err != nil {
			return err
		}
		if found == nil || found.State == Removed {
			return ErrNoEntry
		}
		n = *found
		return nil
	})
	if err != nil {
		return Node{}, fmt.Errorf("find inode %s: %w", id, err)
	}
	return n, nil
}
