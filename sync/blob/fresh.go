package blob

import "context"

type freshKey struct{}

// Fresh returns a context for a Get that no cache may answer, because the cached contents were
// found wrong.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// IsFresh reports whether a context comes from Fresh.
func IsFresh(ctx context.Context) bool { return ctx.Value(freshKey{}) != nil }
