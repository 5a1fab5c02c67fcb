package writable

import (
	"context"

	"clfsload/state"
)

// A Container reads what is not in staging any more. It is used by many
// goroutines.
type Container interface {
	// Head reads the first 16 KiB of a file, fewer if it is smaller.
	Head(ctx context.Context, n state.Node) ([]byte, error)
	// Block reads the data segment of block index (from 1) as it was uploaded as
	// generation gen.
	Block(ctx context.Context, n state.Node, index, gen uint64) ([]byte, error)
}
