package writable

import "errors"

// Errors of files, beside those of the journal, of staging and of the container.
var (
	errUnsupported = errors.New("not supported")
	errTooBig      = errors.New("larger than the container can hold")
	errStagingLost = errors.New("staging file is missing")
	errNoSuchData  = errors.New("no data there")
	errInvalid     = errors.New("invalid argument")
	errWrongKind   = errors.New("not a regular file")
)
