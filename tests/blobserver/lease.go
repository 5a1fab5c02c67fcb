package blobserver

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// lease is a blob's lease. The zero value is a blob that never had one.
type lease struct {
	id       string
	infinite bool
	duration time.Duration
	expires  time.Time // of a lease that is not infinite
	breaking bool      // it ends at expires, infinite or not, and cannot be renewed
}

// held reports whether the lease keeps others from writing.
func (l *lease) held(now time.Time) bool {
	return l.id != "" && (l.infinite && !l.breaking || now.Before(l.expires))
}

// words returns the values of LeaseStatus and LeaseState.
func (l *lease) words(now time.Time) (status, state string) {
	switch held := l.held(now); {
	case l.id == "":
		return "unlocked", "available"
	case held && l.breaking:
		return "locked", "breaking"
	case held:
		return "locked", "leased"
	case l.breaking:
		return "unlocked", "broken"
	}
	return "unlocked", "expired"
}

// mayWrite checks the lease before a blob is replaced or deleted; b is nil where
// there is none.
func (b *stored) mayWrite(w http.ResponseWriter, r *request, now time.Time) bool {
	id := r.Header.Get("x-ms-lease-id")
	held := b != nil && b.lease.held(now)
	switch {
	case held && id == "":
		fail(w, http.StatusPreconditionFailed, "LeaseIdMissing")
	case held && id != b.lease.id:
		fail(w, http.StatusPreconditionFailed, "LeaseIdMismatchWithBlobOperation")
	case !held && id != "":
		fail(w, http.StatusPreconditionFailed, "LeaseNotPresentWithBlobOperation")
	default:
		return true
	}
	return false
}

// lease answers Lease Blob.
func (s *Server) lease(w http.ResponseWriter, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, b := s.findBlob(w, r)
	if b == nil {
		return
	}
	now := time.Now()
	switch r.Header.Get("x-ms-lease-action") {
	case "acquire":
		b.lease.acquire(w, r, now)
	case "renew":
		b.lease.renew(w, r, now)
	case "change":
		b.lease.change(w, r, now)
	case "release":
		b.lease.release(w, r)
	case "break":
		b.lease.end(w, r, now)
	default:
		fail(w, http.StatusBadRequest, "InvalidHeaderValue")
	}
}

func (l *lease) acquire(w http.ResponseWriter, r *request, now time.Time) {
	seconds, err := strconv.Atoi(r.Header.Get("x-ms-lease-duration"))
	if err != nil || seconds != -1 && (seconds < 15 || seconds > 60) {
		fail(w, http.StatusBadRequest, "InvalidHeaderValue")
		return
	}
	id := r.Header.Get("x-ms-proposed-lease-id")
	switch held := l.held(now); {
	case held && l.breaking:
		fail(w, http.StatusConflict, "LeaseIsBreakingAndCannotBeAcquired")
		return
	case held && id != l.id:
		fail(w, http.StatusConflict, "LeaseAlreadyPresent")
		return
	}
	if id == "" {
		id = newLeaseID()
	}
	*l = lease{id: id, infinite: seconds == -1, duration: time.Duration(seconds) * time.Second}
	l.expires = now.Add(l.duration)
	w.Header().Set("x-ms-lease-id", id)
	w.WriteHeader(http.StatusCreated)
}

func newLeaseID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (l *lease) renew(w http.ResponseWriter, r *request, now time.Time) {
	switch {
	case l.id == "" || r.Header.Get("x-ms-lease-id") != l.id:
		fail(w, http.StatusConflict, "LeaseIdMismatchWithLeaseOperation")
	case l.breaking:
		fail(w, http.StatusConflict, "LeaseIsBrokenAndCannotBeRenewed")
	default:
		l.expires = now.Add(l.duration)
		w.Header().Set("x-ms-lease-id", l.id)
		w.WriteHeader(http.StatusOK)
	}
}

// change gives a lease that is held another id.
func (l *lease) change(w http.ResponseWriter, r *request, now time.Time) {
	proposed := r.Header.Get("x-ms-proposed-lease-id")
	switch id := r.Header.Get("x-ms-lease-id"); {
	case !l.held(now):
		fail(w, http.StatusConflict, "LeaseNotPresentWithLeaseOperation")
	case id != l.id && proposed != l.id:
		fail(w, http.StatusConflict, "LeaseIdMismatchWithLeaseOperation")
	case l.breaking:
		fail(w, http.StatusConflict, "LeaseIsBreakingAndCannotBeChanged")
	default:
		l.id = proposed
		w.Header().Set("x-ms-lease-id", l.id)
		w.WriteHeader(http.StatusOK)
	}
}

func (l *lease) release(w http.ResponseWriter, r *request) {
	if l.id == "" || r.Header.Get("x-ms-lease-id") != l.id {
		fail(w, http.StatusConflict, "LeaseIdMismatchWithLeaseOperation")
		return
	}
	*l = lease{}
	w.WriteHeader(http.StatusOK)
}

// end breaks the lease, at once if that is asked for or the lease is infinite, else
// when it would have expired.
func (l *lease) end(w http.ResponseWriter, r *request, now time.Time) {
	if l.id == "" {
		fail(w, http.StatusConflict, "LeaseNotPresentWithLeaseOperation")
		return
	}
	left := max(l.expires.Sub(now), 0)
	if l.infinite {
		left = 0
	}
	if text := r.Header.Get("x-ms-lease-break-period"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > 60 {
			fail(w, http.StatusBadRequest, "InvalidHeaderValue")
			return
		}
		if period := time.Duration(seconds) * time.Second; l.infinite || period < left {
			left = period
		}
	}
	l.breaking = true
	l.expires = now.Add(left)
	w.Header().Set("x-ms-lease-time", strconv.Itoa(int(left.Seconds())))
	w.WriteHeader(http.StatusAccepted)
}
