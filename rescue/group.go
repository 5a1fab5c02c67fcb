package rescue

import (
	"cmp"
	"context"
	"iter"

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

// Each calls f with each value, for at most limit values at a time. After the first error the
// context of f ends, and f is called for no further value. Each returns that error when all calls
// have returned.
func Each[T any](ctx context.Context, limit int, values iter.Seq[T], f func(context.Context, T) error) error {
	return EachRead(ctx, limit, func(yield func(T, error) bool) {
		for v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}, f)
}

// EachRead is Each for values that are read. An error that comes instead of a value is the last.
func EachRead[T any](ctx context.Context, limit int, values iter.Seq2[T, error], f func(context.Context, T) error) error {
	g, ctx := WithContext(ctx)
	g.SetLimit(limit)
	for v, err := range values {
		if err = cmp.Or(err, context.Cause(ctx)); err != nil {
			g.Go(func() error { return err })
			break
		}
		g.Go(func() error { return f(ctx, v) })
	}
	return g.Wait()
}
