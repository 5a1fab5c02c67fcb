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

// ErrEncrypted is wrapped by the error of [Unpack] for an object that the
// service encrypted. The key is not in the container, so it cannot be read
// (docs/clfs-format.md section 8).
var ErrEncrypted = errors.New("the object is encrypted and its key is not in the container")

// formatErrorf is the one place where decoding errors are made.
func formatErrorf(offset int, format string, args ...any) error {
	return &FormatError{Offset: int64(offset), Reason: fmt.Sprintf(format, args...)}
}
