package journal

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
)
