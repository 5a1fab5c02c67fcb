package target

import (
	"context"
	"errors"
	"time"
)

// undoLimit bounds the time for taking everything back: the service may not answer.
const undoLimit = 30 * time.Second

// Undo takes back what a command has made, if the command is refused after that.
type Undo struct{ steps []func(context.Context) error }

// Add notes how to take back what was made just now, or is about to be made.
func (u *Undo) Add(step func(context.Context) error) { u.steps = append(u.steps, step) }

// Keep is called when the command can no longer be refused.
func (u *Undo) Keep() { u.steps = nil }

// Run takes everything back, the last first. What cannot be taken back is in the error.
func (u *Undo) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		errs = append(errs, u.steps[i](ctx))
	}
	u.steps = nil
	return errors.Join(errs...)
}
