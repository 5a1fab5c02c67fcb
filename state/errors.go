package state

import "errors"

// Errors that callers tell apart. They are wrapped with the path they are about.
var (
	// ErrExists: a journal is to be made where there is something already.
	ErrExists = errors.New("already exists")
	// ErrMissing: there is no journal.
	ErrMissing = errors.New("no journal here")
	// ErrLocked: another process has the journal open.
	ErrLocked = errors.New("in use by another process")
	// ErrDamaged: sqlite reports damage, or rows contradict each other.
	ErrDamaged = errors.New("journal is damaged")
	// ErrVersion: the journal was written by another version of clfsload.
	ErrVersion = errors.New("journal is of another version")
	// ErrNoSpace: the disk that holds the journal is full.
	ErrNoSpace = errors.New("no space left for the journal")
	// ErrReadOnly: the journal was opened to be looked at.
	ErrReadOnly = errors.New("journal is open for reading only")
	// ErrClosed: the journal was closed.
	ErrClosed = errors.New("journal is closed")

	// The namespace of a mount refuses a change; nothing was changed.

	// ErrNoEntry: there is no such name, or no such directory any more.
	ErrNoEntry error = refusal("no such entry")
	// ErrNameTaken: there is an entry of that name already.
	ErrNameTaken error = refusal("name is taken")
	// ErrNotEmpty: a directory that is to go has entries.
	ErrNotEmpty error = refusal("directory is not empty")
	// ErrTooManyLinks: the inode has as many links as CLFS can hold.
	ErrTooManyLinks error = refusal("too many links")
	// ErrIsDirectory: a directory stands where anything else is needed.
	ErrIsDirectory error = refusal("is a directory")
	// ErrNotDirectory: something else stands where a directory is needed.
	ErrNotDirectory error = refusal("is not a directory")
	// ErrLoop: a directory is to be moved below itself.
	ErrLoop error = refusal("directory would be below itself")
)

// refusal is an answer that leaves everything as it was. An update that is
// refused takes no other of its group with it.
type refusal string

func (r refusal) Error() string { return string(r) }
