package state

import "clfsload/state/journal"

// Errors that callers tell apart. They are wrapped with the path they are about.
var (
	// Of the file; see the package journal.
	ErrExists   = journal.ErrExists
	ErrMissing  = journal.ErrMissing
	ErrLocked   = journal.ErrLocked
	ErrDamaged  = journal.ErrDamaged
	ErrVersion  = journal.ErrVersion
	ErrNoSpace  = journal.ErrNoSpace
	ErrReadOnly = journal.ErrReadOnly
	ErrClosed   = journal.ErrClosed

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

// classify adds the sentinel of the journal to an error of sqlite or the file system, and
// keeps the cause.
func classify(err error) error { return journal.Classify(err) }
