package blob

import (
	"context"
	"time"
)

// Leaser is implemented by containers in which a process can lease a blob, so that no two processes
// work on the thing that the blob stands for.
type Leaser interface {
	// AcquireLease leases the blob of that name, which must exist (ErrNotFound). If another process
	// has the lease, it returns ErrLeased with the known facts about the holder.
	//
	// While the lease is held, Put and Delete of the blob through this Container work as before. A
	// service refuses those of others with ErrLeased. A directory does not: there the lease only
	// excludes other leases.
	AcquireLease(ctx context.Context, name string, r LeaseRequest) (Lease, error)
}

// LeaseRequest describes the requested lease.
type LeaseRequest struct {
	// ID names the lease; a UUID in lower case.
	ID string
	// Former are the ids of leases of earlier processes of the caller. If one of them is still
	// held, it is taken over.
	Former []string
	// Duration is how long the lease lasts without a renewal, 15 to 60 s. The lease of a directory
	// ends with its process instead.
	Duration time.Duration
	// BreakEndless ends another process's lease that does not expire. clfsload never takes such a
	// lease.
	BreakEndless bool
}

// Lease is a claim to a blob.
type Lease interface {
	// Renew makes the lease last for its whole duration again. ErrLeaseLost: another process has it
	// or it was broken, and it stays lost. After any other error the lease lasts as long as before,
	// and Renew may be retried.
	Renew(ctx context.Context) error
	// Release releases the lease, which must not be used afterwards. ErrLeaseLost: another process
	// had taken it before.
	Release(ctx context.Context) error
}
