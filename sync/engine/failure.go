package engine

import (
	"errors"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// errDamaged: a blob is not what was put.
var errDamaged = errors.New("damaged in the container")

// entryError is an error of one entry, which does not stop the transfer.
type entryError struct{ state.Problem }

func (e *entryError) Error() string { return e.Op + ": " + e.Reason }

// failureOf tells an error that is the node's own.
func failureOf(err error) (state.Problem, bool) {
	var failed *entryError
	var format *clfs.FormatError
	var panicked *rescue.Panic
	switch {
	case errors.As(err, &panicked):
		return state.Problem{Op: "upload", Reason: err.Error()}, true
	case errors.As(err, &failed):
		return failed.Problem, true
	case errors.Is(err, blob.ErrNotFound), errors.As(err, &format), errors.Is(err, errDamaged), errors.Is(err, tree.ErrDamaged):
		return state.Problem{Op: "read back", Reason: err.Error()}, true
	}
	return state.Problem{}, false
}
