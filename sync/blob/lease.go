package blob

import (
	"context"
	"time"
)

// Leaser is implemented by containers in which a process can claim a blob, so that
// no two of them work on what it stands for.
type Leaser interface {
	// AcquireLease claims the blob of that name, which must exist (ErrNotFound). It
	// returns ErrLeased, with what is known of the holder, if somebody else has it.
	//
	// While the lease is held, Put and Delete of the blob through this Container go
	// on as before. Services refuse those of others with ErrLeased; a directory does
	// not, there the lease keeps out other leases alone.
	AcquireLease(ctx context.Context, name string, r LeaseRequest) (Lease, error)
}

// LeaseRequest says which lease is wanted.
type LeaseRequest struct {
	// ID names the lease; a UUID in lower case.
	ID string
	// Former are the ids of leases that the caller had in earlier processes. One of
	// them that is still held is taken over.
	Former []string
	// Duration is how long the lease lasts without being renewed, 15 to 60 s. That of
	// a directory ends with its process instead.
	Duration time.Duration
	// BreakEndless ends a lease of somebody else that does not end by itself. No clfsload
	// has such a one.
	BreakEndless bool
}

// Lease is a claim to a blob.
type Lease interface {
	// Renew makes the lease last for its whole duration again. ErrLeaseLost: it is
	// somebody else's or was broken, and stays lost. After any other error the lease
	// lasts as long as it did, and Renew may be repeated.
	Renew(ctx context.Context) error
	// Release gives the lease back. The lease must not be used any more. ErrLeaseLost
	// tells that somebody had taken it before.
	Release(ctx context.Context) error
}
