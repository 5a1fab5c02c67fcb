package rescue

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Group is an errgroup.Group for whose goroutines a panic is an error.
type Group struct{ *errgroup.Group }

// NewGroup returns a Group without a context.
func NewGroup() Group { return Group{&errgroup.Group{}} }

// WithContext is errgroup.WithContext.
func WithContext(ctx context.Context) (Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	return Group{g}, ctx
}

// Go calls f in a goroutine.
func (g Group) Go(f func() error) { g.Group.Go(Func(f)) }
