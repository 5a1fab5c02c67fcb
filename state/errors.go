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
)
