package retry

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"clfsload/sync/blob"
)

// gate holds requests while credentials are refused.
type gate struct {
	options Options
	events  Events

	mu       sync.Mutex            // held to close and to open
	closed   atomic.Pointer[siege] // nil: open
	openings atomic.Int64
}

// siege is a period during which the gate is closed.
type siege struct {
	over    chan struct{} // closed when the gate is open again
	probe   chan struct{} // holds an element while no request probes
	refresh bool          // Refresh was called; only for the owner of probe
}

// pass lets a request through the gate.
type pass struct {
	openings int64  // how often the gate was opened before
	siege    *siege // set: the gate is closed, and this request finds out whether it must be
	waited   bool
}

func newGate(o Options, ev Events) *gate { return &gate{options: o, events: ev} }

func (g *gate) canRefresh() bool { return g.options.Refresh != nil }

// enter waits until the gate is open, or until this request must probe. The error is that of ctx.
func (g *gate) enter(ctx context.Context) (pass, error) {
	waited := false
	for {
		p := pass{openings: g.openings.Load(), waited: waited}
		s := g.closed.Load()
		if s == nil {
			return p, nil
		}
		waited = true
		select {
		case <-s.over:
		case <-s.probe:
			p.siege, p.waited = s, true
			if err := g.refresh(ctx, s); err != nil {
				s.probe <- struct{}{}
				return pass{}, err
			}
			return p, nil
		case <-ctx.Done():
			return pass{}, ctx.Err()
		}
	}
}

// refresh switches to new credentials: at once when they were just refused, later at intervals.
func (g *gate) refresh(ctx context.Context, s *siege) error {
	if s.refresh {
		timer := time.NewTimer(g.options.RefreshEvery)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-g.options.Wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.refresh = true
	g.options.Refresh(ctx)
	return ctx.Err()
}

// admits reports whether a pass is still valid.
func (g *gate) admits(p pass) bool { return p.siege != nil || g.closed.Load() == nil }

// leave records the outcome of the request that p let through.
func (g *gate) leave(p pass, err error) {
	if p.siege == nil {
		return
	}
	if undecided(err) {
		p.siege.probe <- struct{}{}
		return
	}
	g.open(p.siege)
}

// undecided reports whether an outcome does not show if credentials are accepted.
func undecided(err error) bool {
	for _, kind := range []error{blob.ErrCredentials, blob.ErrTransient, blob.ErrThrottled, blob.ErrChecksum,
		context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (g *gate) open(s *siege) {
	g.mu.Lock()
	defer g.mu.Unlock() // after the event, so that events come in their order
	g.openings.Add(1)
	g.closed.Store(nil)
	close(s.over)
	if g.events.Accepted != nil {
		g.events.Accepted()
	}
}

// close closes the gate, unless it was opened after the refused request was let through: that
// request had the old credentials.
func (g *gate) close(p pass, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() != nil || g.openings.Load() != p.openings {
		return
	}
	s := &siege{over: make(chan struct{}), probe: make(chan struct{}, 1)}
	s.probe <- struct{}{}
	g.closed.Store(s)
	if g.events.Refused != nil {
		g.events.Refused(err)
	}
}
