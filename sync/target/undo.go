package target

import (
	"context"
	"errors"
	"time"
)

// undoLimit bounds the time of an undo: the service may not answer.
const undoLimit = 30 * time.Second

// Undo removes what a command has created, if the command is refused later.
type Undo struct{ steps []func(context.Context) error }

// Add registers how to remove something that was just created, or will be created next.
func (u *Undo) Add(step func(context.Context) error) { u.steps = append(u.steps, step) }

// Keep is called when the command can no longer be refused.
func (u *Undo) Keep() { u.steps = nil }

// Run undoes all steps, the last first. The error has the steps that failed.
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
