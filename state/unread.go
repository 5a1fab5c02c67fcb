package state

import "fmt"

// Part is a part of a node that only the container has.
type Part int

const (
	Attributes Part = iota // of a Remote node
	Entries                // of an Unlisted directory
	OtherNames             // of an inode whose last known name is to go: where its other links are
)

// Unread is the refusal of a change that needs what only the container has.
type Unread struct {
	Ino  Ino
	Part Part
}

func (p Part) String() string { return [...]string{"attributes", "entries", "other names"}[p] }

func (u *Unread) Error() string {
	return fmt.Sprintf("the %s of inode %d were not read yet", u.Part, u.Ino)
}

func (*Unread) refusal() {}

// checkRead refuses to change a node that was not read. A changed directory is written
// again, with all its entries.
func (n *Node) checkRead() error {
	switch {
	case n.State == Remote:
		return &Unread{n.Ino, Attributes}
	case n.Flags&Unlisted != 0:
		return &Unread{n.Ino, Entries}
	case n.IsDirectory() && n.Flags&Unfaithful != 0:
		return ErrUnfaithful
	}
	return nil
}
