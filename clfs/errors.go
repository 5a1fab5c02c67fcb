package clfs

import (
	"errors"
	"fmt"
)

// A FormatError says where bytes stop being what docs/clfs-format.md
// describes. Decoders leave Object empty; [WithObject] fills it in.
type FormatError struct {
	Object string // the blob's name or whatever identifies it to the user
	Offset int64  // in bytes, from the start of what the decoder was given
	Reason string
}

func (e *FormatError) Error() string {
	if e.Object == "" {
		return fmt.Sprintf("offset %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s: offset %d: %s", e.Object, e.Offset, e.Reason)
}

// WithObject names the object in the [FormatError] that err is or wraps. An
// error of another kind is prefixed with the name; nil stays nil.
func WithObject(err error, object string) error {
	if err == nil {
		return nil
	}
	var fe *FormatError
	if errors.As(err, &fe) && fe.Object == "" {
		named := *fe
		named.Object = object
		return &named
	}
	return fmt.Errorf("%s: %w", object, err)
}

// FormatErrorf makes a [FormatError] without an object. All decoders make their errors
// with it. offset counts bytes from the start of what the decoder was given.
func FormatErrorf(offset int, format string, args ...any) error {
	return &FormatError{Offset: int64(offset), Reason: fmt.Sprintf(format, args...)}
}
