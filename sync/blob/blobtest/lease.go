package blobtest

import (
	"fmt"
	"testing"
	"time"

	"clfsload/sync/blob"
)

// leaseOf is a request for a lease with the nth of some ids.
func leaseOf(n int, former ...int) blob.LeaseRequest {
	id := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	r := blob.LeaseRequest{ID: id(n), Duration: time.Minute}
	for _, n := range former {
		r.Former = append(r.Former, id(n))
	}
	return r
}

// withLeases makes a test pass for a container without leases: some that wrap others
// leave them to the one inside.
func withLeases(test func(*testing.T, *suite)) func(*testing.T, *suite) {
	return func(t *testing.T, s *suite) {
		if _, ok := s.c.(blob.Leaser); ok {
			test(t, s)
		}
	}
}

func (s *suite) leaser(t *testing.T) blob.Leaser {
	t.Helper()
	return s.c.(blob.Leaser)
}

func (s *suite) acquire(t *testing.T, name string, r blob.LeaseRequest) blob.Lease {
	t.Helper()
	l, err := s.leaser(t).AcquireLease(s.ctx, name, r)
	if err != nil {
		t.Fatalf("AcquireLease(%q): %v", name, err)
	}
	return l
}

func (s *suite) release(t *testing.T, l blob.Lease) {
	t.Helper()
	if err := l.Release(s.ctx); err != nil {
		t.Errorf("Release: %v", err)
	}
}

func testLeaseExcludes(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	s.put(t, "b", []byte("1"))
	first := s.acquire(t, "a", leaseOf(1))
	_, err := s.leaser(t).AcquireLease(s.ctx, "a", leaseOf(2, 3))
	wantError(t, "AcquireLease of a leased blob", err, blob.ErrLeased)
	s.release(t, s.acquire(t, "b", leaseOf(2)))
	if err := first.Renew(s.ctx); err != nil {
		t.Errorf("Renew: %v", err)
	}
	s.release(t, first)
	s.release(t, s.acquire(t, "a", leaseOf(2)))
}

func testLeaseOfMissing(t *testing.T, s *suite) {
	_, err := s.leaser(t).AcquireLease(s.ctx, "missing", leaseOf(1))
	wantError(t, "AcquireLease of a missing blob", err, blob.ErrNotFound)
	_, err = s.leaser(t).AcquireLease(s.ctx, "a/b", leaseOf(1))
	wantError(t, "AcquireLease of an invalid name", err, blob.ErrName)
}

func testLeaseHolderWrites(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	l := s.acquire(t, "a", leaseOf(1))
	s.put(t, "a", []byte("22"))
	s.wantBlob(t, "a", []byte("22"))
	if err := l.Renew(s.ctx); err != nil {
		t.Errorf("Renew after a Put: %v", err)
	}
	s.release(t, l)
	s.put(t, "a", []byte("333"))
	l = s.acquire(t, "a", leaseOf(1))
	if err := s.c.Delete(s.ctx, "a"); err != nil {
		t.Errorf("Delete of a blob whose lease is held: %v", err)
	}
	_ = l.Release(s.ctx) // it may have gone with the blob
}

func testLeaseIsNotListed(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	l := s.acquire(t, "a", leaseOf(1))
	page, err := s.c.List(s.ctx, "", "")
	if err != nil || len(page.Blobs) != 1 || page.Blobs[0].Name != "a" {
		t.Errorf("List with a lease held: %v, %v", page.Blobs, err)
	}
	s.release(t, l)
}
