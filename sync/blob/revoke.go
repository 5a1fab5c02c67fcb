package blob

import "context"

// begunKey is the key of the context that a request of a revocable context uses once it has begun.
type begunKey struct{}

// Revocable returns a context for puts that may become useless, and a function that revokes them. A
// put that waits, for its turn or for a retry, then ends with the cause. A put that may have
// reached the container continues until its outcome is known: the container could otherwise carry
// it out after the next request for the same name. Everything ends with parent.
func Revocable(parent context.Context) (context.Context, context.CancelCauseFunc) {
	return context.WithCancelCause(context.WithValue(parent, begunKey{}, parent))
}

// Begun returns the context for a put that is sent now: the parent of a revocable context, ctx
// itself of any other.
func Begun(ctx context.Context) context.Context {
	if parent, ok := ctx.Value(begunKey{}).(context.Context); ok {
		return parent
	}
	return ctx
}
