package azure_test

import (
	"errors"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

const (
	firstID  = "11111111-1111-4111-8111-111111111111"
	secondID = "22222222-2222-4222-8222-222222222222"
)

// twoOpeners opens one container twice, on each of the servers, with a blob "a" in it.
func twoOpeners(t *testing.T, test func(t *testing.T, one, other *azure.Container)) {
	for name, url := range map[string]func(t *testing.T) string{
		"azurite": func(t *testing.T) string {
			s := azurite.Start(t)
			name := s.NewContainer(t)
			return s.ContainerURL(name) + "?" + s.SAS(t, name)
		},
		"blobserver": func(t *testing.T) string { return blobserver.Start(t).NewContainer("data") + "?sig=any" },
	} {
		t.Run(name, func(t *testing.T) {
			u := url(t)
			one, other := open(t, u, azure.Secrets{}), open(t, u, azure.Secrets{})
			if err := one.Put(t.Context(), "a", []byte("1")); err != nil {
				t.Fatal(err)
			}
			test(t, one, other)
		})
	}
}

func acquire(t *testing.T, c *azure.Container, id string, former ...string) blob.Lease {
	t.Helper()
	l, err := c.AcquireLease(t.Context(), "a", blob.LeaseRequest{ID: id, Former: former, Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOnlyALeaseWithoutEndIsBroken(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	u := s.ContainerURL(name) + "?" + s.SAS(t, name)
	one, other := open(t, u, azure.Secrets{}), open(t, u, azure.Secrets{})
	if err := one.Put(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	l := acquire(t, one, firstID)
	breaking := blob.LeaseRequest{ID: secondID, Duration: time.Minute, BreakEndless: true}
	if _, err := other.AcquireLease(t.Context(), "a", breaking); !errors.Is(err, blob.ErrLeased) || errors.Is(err, blob.ErrEndlessLease) {
		t.Errorf("a lease that ends: %v", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	acquireEndless(t, one, firstID)
	if _, err := other.AcquireLease(t.Context(), "a", blob.LeaseRequest{ID: secondID, Duration: time.Minute}); !errors.Is(err, blob.ErrEndlessLease) || !errors.Is(err, blob.ErrLeased) {
		t.Errorf("a lease without end: %v", err)
	}
	if _, err := other.AcquireLease(t.Context(), "a", breaking); err != nil {
		t.Errorf("a lease without end, to be broken: %v", err)
	}
	if err := other.Put(t.Context(), "a", []byte("2")); err != nil {
		t.Errorf("put with the lease: %v", err)
	}
}

// acquireEndless takes a lease as a cache may.
func acquireEndless(t *testing.T, c *azure.Container, id string) {
	t.Helper()
	if _, err := c.AcquireLease(t.Context(), "a", blob.LeaseRequest{ID: id, Duration: -time.Second}); err != nil {
		t.Fatal(err)
	}
}

func TestALeasedBlobIsNotWrittenByOthers(t *testing.T) {
	twoOpeners(t, func(t *testing.T, one, other *azure.Container) {
		acquire(t, one, firstID)
		if err := other.Put(t.Context(), "a", []byte("2")); !errors.Is(err, blob.ErrLeased) {
			t.Errorf("Put: %v", err)
		}
		if err := other.Delete(t.Context(), "a"); !errors.Is(err, blob.ErrLeased) {
			t.Errorf("Delete: %v", err)
		}
		if err := other.Put(t.Context(), "b", []byte("2")); err != nil {
			t.Errorf("Put of another blob: %v", err)
		}
		if o, err := other.Get(t.Context(), "a", 0, -1); err != nil || string(o.Data) != "1" {
			t.Errorf("Get: %q, %v", o.Data, err)
		}
	})
}

// A process that died has left its lease. The next one takes it over, and one that
// was not dead after all learns it.
func TestAFormerLeaseIsTakenOver(t *testing.T) {
	twoOpeners(t, func(t *testing.T, one, other *azure.Container) {
		old := acquire(t, one, firstID)
		taken := acquire(t, other, secondID, "33333333-3333-4333-8333-333333333333", firstID)
		if err := taken.Renew(t.Context()); err != nil {
			t.Error(err)
		}
		if err := old.Renew(t.Context()); !errors.Is(err, blob.ErrLeaseLost) {
			t.Errorf("Renew of the lease that was taken over: %v", err)
		}
		if err := one.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrLeaseLost) {
			t.Errorf("Put with the lease that was taken over: %v", err)
		}
		if err := old.Release(t.Context()); !errors.Is(err, blob.ErrLeaseLost) {
			t.Errorf("Release of the lease that was taken over: %v", err)
		}
		if err := taken.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
