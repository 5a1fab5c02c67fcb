package schema

import "fmt"

// The namespace refuses a change; nothing was changed.
var (
	// ErrNoEntry: there is no such name, or no such directory any more.
	ErrNoEntry error = refused("no such entry")
	// ErrNameTaken: there is an entry of that name already.
	ErrNameTaken error = refused("name is taken")
	// ErrNotEmpty: a directory that is to go has entries.
	ErrNotEmpty error = refused("directory is not empty")
	// ErrTooManyLinks: the inode has as many links as CLFS can hold.
	ErrTooManyLinks error = refused("too many links")
	// ErrIsDirectory: a directory stands where anything else is needed.
	ErrIsDirectory error = refused("is a directory")
	// ErrNotDirectory: something else stands where a directory is needed.
	ErrNotDirectory error = refused("is not a directory")
	// ErrLoop: a directory is to be moved below itself.
	ErrLoop error = refused("directory would be below itself")
	// ErrUnfaithful: a directory, or the contents of a file, of another program cannot be
	// written again without loss.
	ErrUnfaithful error = refused("another program made this in a way that a change would lose")
)

// Refusal is an answer that leaves everything as it was. An update that is
// refused takes no other of its group with it.
type Refusal interface {
	error
	refusal()
}

type refused string

func (r refused) Error() string { return string(r) }
func (refused) refusal()        {}

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

// CheckRead refuses to change a node that was not read. A changed directory is written
// again, with all its entries.
func (n *Node) CheckRead() error {
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
