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
type EntryError struct{ state.Failure }

func (e *EntryError) Error() string { return e.Op + ": " + e.Reason }

// FailureOf tells an error that is the node's own.
func FailureOf(err error) (state.Failure, bool) {
	var failed *EntryError
	var format *clfs.FormatError
	var panicked *rescue.Panic
	switch {
	case errors.As(err, &panicked):
		return state.Failure{Op: "upload", Reason: err.Error()}, true
	case errors.As(err, &failed):
		return failed.Failure, true
	case errors.Is(err, blob.ErrNotFound), errors.As(err, &format), errors.Is(err, ErrDamaged), errors.Is(err, tree.ErrDamaged):
		return state.Failure{Op: "read back", Reason: err.Error()}, true
	}
	return state.Failure{}, false
}
