package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/lease"
	"clfsload/sync/blob/mem"
)

func TestConformance(t *testing.T) {
	blobtest.TestContainer(t, func(*testing.T) blob.Container { return lease.New(mem.New()) })
}

const bucket = "bucket"

// claimed is a container in memory whose lease is held.
type claimed struct {
	store  *mem.Container
	faults *faulty.Container
	*lease.Container
}

func newClaimed(t *testing.T) claimed {
	t.Helper()
	c := claimed{store: mem.New()}
	c.faults = faulty.New(c.store)
	c.Container = lease.New(c.faults)
	if err := c.Put(t.Context(), bucket, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Acquire(t.Context(), bucket, blob.LeaseRequest{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// keep runs Keep until the test ends and returns where its error comes.
func (c claimed) keep(t *testing.T) <-chan error {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		ended <- c.Keep(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return ended
}

func TestTheLeaseIsKeptWhileItIsHeldAndFreeAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClaimed(t)
		c.keep(t)
		time.Sleep(time.Hour)
		other := lease.New(c.store)
		if err := other.Acquire(t.Context(), bucket, blob.LeaseRequest{ID: "two"}); !errors.Is(err, blob.ErrLeased) {
			t.Errorf("Acquire while it is held: %v", err)
		}
		if err := c.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if err := other.Acquire(t.Context(), bucket, blob.LeaseRequest{ID: "two"}); err != nil {
			t.Errorf("Acquire afterwards: %v", err)
		}
		if err := c.Release(t.Context()); err != nil {
			t.Errorf("second Release: %v", err)
		}
	})
}

func TestALostLeaseEndsKeepAndWriting(t *testing.T) {
	for name, lose := range map[string]func(c claimed) error{
		"broken": func(c claimed) error {
			c.store.BreakLease(bucket)
			return nil
		},
		"taken over": func(c claimed) error {
			return lease.New(c.store).Acquire(context.Background(), bucket, blob.LeaseRequest{ID: "two", Former: []string{"one"}})
		},
		"blob deleted": func(c claimed) error {
			c.faults.On(faulty.Renew, faulty.Fault{Err: blob.ErrNotFound})
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClaimed(t)
				ended := c.keep(t)
				time.Sleep(time.Minute)
				if err := lose(c); err != nil {
					t.Fatal(err)
				}
				if err := <-ended; !errors.Is(err, blob.ErrLeaseLost) {
					t.Errorf("Keep: %v", err)
				}
				if err := blob.PutWhole(t.Context(), c, "a", nil); !errors.Is(err, blob.ErrLeaseLost) {
					t.Errorf("PutWhole afterwards: %v", err)
				}
				if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrLeaseLost) {
					t.Errorf("Put: %v", err)
				}
				if err := c.Delete(t.Context(), "a"); !errors.Is(err, blob.ErrLeaseLost) {
					t.Errorf("Delete: %v", err)
				}
				if err := c.Release(t.Context()); err != nil {
					t.Errorf("Release: %v", err)
				}
			})
		})
	}
}

func TestRenewalsThatFailAreRepeatedBeforeTheLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClaimed(t)
		for range 10 {
			c.faults.On(faulty.Renew, faulty.Fault{Err: blob.ErrTransient})
		}
		defer c.faults.Check(t)
		c.keep(t)
		time.Sleep(2 * lease.Duration)
		if err := lease.New(c.store).Acquire(t.Context(), bucket, blob.LeaseRequest{ID: "two"}); !errors.Is(err, blob.ErrLeased) {
			t.Errorf("Acquire: %v", err)
		}
	})
}

// Nobody renews here: as if the machine had slept.
func TestAnOldLeaseIsRenewedBeforeAnythingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClaimed(t)
		defer c.faults.Check(t)
		time.Sleep(lease.Duration)
		c.faults.On(faulty.Renew, faulty.Fault{Err: blob.ErrCredentials})
		if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrCredentials) {
			t.Errorf("Put while the lease cannot be renewed: %v", err)
		}
		for range 2 {
			if err := c.Put(t.Context(), "a", nil); err != nil {
				t.Error(err)
			}
		}
		if n := c.faults.Calls(faulty.Renew); n != 2 {
			t.Errorf("%d renewals, want 2", n)
		}
		time.Sleep(lease.Duration)
		if err := lease.New(c.store).Acquire(t.Context(), bucket, blob.LeaseRequest{ID: "two"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrLeaseLost) {
			t.Errorf("Put after somebody else has claimed the container: %v", err)
		}
		if err := c.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutAClaimNothingIsRenewed(t *testing.T) {
	c := lease.New(mem.New())
	if err := c.Keep(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Put(t.Context(), "a", nil); err != nil {
		t.Error(err)
	}
	if err := c.Release(t.Context()); err != nil {
		t.Error(err)
	}
}
