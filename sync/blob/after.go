package blob

import (
	"errors"
	"time"
)

// afterError is an error of a service that says when to come back.
type afterError struct {
	error
	pause time.Duration
}

func (e *afterError) Unwrap() error { return e.error }

// After returns err with the pause that the service asks for before the request is
// repeated. With 0 it is err itself.
func After(pause time.Duration, err error) error {
	if pause <= 0 {
		return err
	}
	return &afterError{err, pause}
}

// PauseOf returns the pause that After has put to an error, or 0.
func PauseOf(err error) time.Duration {
	var e *afterError
	if errors.As(err, &e) {
		return e.pause
	}
	return 0
}
