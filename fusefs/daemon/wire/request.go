package wire

import (
	"context"
	"time"
)

// Request is the body of POST /flush, /publish and /unmount.
type Request struct {
	IncludeIncomplete bool    `json:"include_incomplete,omitempty"` // of publish
	LeaveIncomplete   bool    `json:"leave_incomplete,omitempty"`   // of publish and unmount: an incomplete file is no failure
	NoPublish         bool    `json:"no_publish,omitempty"`         // of unmount
	TimeoutSeconds    float64 `json:"timeout_seconds,omitempty"`    // 0: none
}

// Timeout is how long the answer may take; 0: as long as it takes.
func (v Request) Timeout() time.Duration {
	return time.Duration(v.TimeoutSeconds * float64(time.Second))
}

// Limit returns a context that ends at the timeout.
func (v Request) Limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if v.TimeoutSeconds <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, v.Timeout())
}

// IncompleteRequest is the body of POST /incomplete.
type IncompleteRequest struct {
	Action   string   `json:"action,omitempty"`   // "": list them, ActionRemove, ActionAccept
	Patterns []string `json:"patterns,omitempty"` // none: all files
}

const (
	ActionRemove = "remove"
	ActionAccept = "accept"
)

// IncompleteReport answers it.
type IncompleteReport struct {
	State string `json:"state"`
	Total int    `json:"total"` // files that match, or to which the action was done
	Files []Left `json:"files"` // the first of them
}
