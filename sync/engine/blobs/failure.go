package blobs

import (
	"errors"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// ErrDamaged: a blob is not what was put.
var ErrDamaged = errors.New("damaged in the container")

// EntryError is an error of one entry, which does not stop the transfer.
type EntryError struct{ state.Problem }

func (e *EntryError) Error() string { return e.Op + ": " + e.Reason }

// FailureOf tells an error that is the node's own.
func FailureOf(err error) (state.Problem, bool) {
	var failed *EntryError
	var format *clfs.FormatError
	var panicked *rescue.Panic
	switch {
	case errors.As(err, &panicked):
		return state.Problem{Op: "upload", Reason: err.Error()}, true
	case errors.As(err, &failed):
		return failed.Problem, true
	case errors.Is(err, blob.ErrNotFound), errors.As(err, &format), errors.Is(err, ErrDamaged), errors.Is(err, tree.ErrDamaged):
		return state.Problem{Op: "read back", Reason: err.Error()}, true
	}
	return state.Problem{}, false
}
