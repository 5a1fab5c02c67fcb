package contents

import "errors"

// Errors of files, beside those of the journal, of staging and of the container.
var (
	ErrUnsupported = errors.New("not supported")
	ErrTooBig      = errors.New("larger than the container can hold")
	ErrStagingLost = errors.New("staging file is missing")
	ErrNoSuchData  = errors.New("no data there")
	ErrInvalid     = errors.New("invalid argument")
	ErrWrongKind   = errors.New("not a regular file")
)
