package blob

import (
	"errors"
	"time"
)

// afterError is an error of a service that requests a waiting time.
type afterError struct {
	error
	pause time.Duration
}

func (e *afterError) Unwrap() error { return e.error }

// After returns err with the pause that the service requests before a retry. With 0 it is err
// itself.
func After(pause time.Duration, err error) error {
	if pause <= 0 {
		return err
	}
	return &afterError{err, pause}
}

// PauseOf returns the pause that After has added to an error, or 0.
func PauseOf(err error) time.Duration {
	var e *afterError
	if errors.As(err, &e) {
		return e.pause
	}
	return 0
}
