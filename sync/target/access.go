package target

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"clfsload/sync/blob/retry"
)

// Patience is how long and for what a load waits if the service does not answer as requested.
type Patience struct {
	For            time.Duration
	RequestTimeout time.Duration
	NoWait         bool
}

// access is how a command uses a container.
type access struct {
	requests int // in flight
	flags    Patience
	Opening  time.Duration // how long requests are retried before the first one succeeds
	hangup   *hangup       // nil: do not wait for credentials
	log      *slog.Logger
	Who      string // waits for credentials
}

// OpeningFor is how long requests are retried before the first one succeeds.
const OpeningFor = 15 * time.Second

// readAccess is for interactive commands.
func readAccess(requests int) access {
	return access{requests: requests, Opening: OpeningFor, log: slog.New(slog.DiscardHandler),
		flags: Patience{For: time.Minute, RequestTimeout: time.Minute}}
}

// Access is for a load.
func (f *Patience) Access(requests int, log *slog.Logger) access {
	a := access{requests: requests, flags: *f, Opening: OpeningFor, log: log, Who: "load"}
	if !f.NoWait {
		a.hangup = newHangup()
	}
	return a
}

// LookEvery is the time between two looks for new credentials.
const LookEvery = 5 * time.Second

// hangup receives SIGHUP: the user says that there are new credentials.
type hangup struct {
	signals chan os.Signal
	wake    chan struct{} // has an element after a signal
	done    chan struct{}
}

func newHangup() *hangup {
	h := &hangup{signals: make(chan os.Signal, 1), wake: make(chan struct{}, 1), done: make(chan struct{})}
	signal.Notify(h.signals, syscall.SIGHUP)
	return h
}

// serve calls refresh at every signal, until close. It must be called once.
func (h *hangup) serve(refresh func()) {
	go func() {
		defer close(h.done)
		for range h.signals {
			refresh()
			select {
			case h.wake <- struct{}{}:
			default:
			}
		}
	}()
}

func (h *hangup) close() {
	signal.Stop(h.signals)
	close(h.signals)
	<-h.done
}

// narrator logs important events of a container's requests, not every request.
type narrator struct {
	log       *slog.Logger
	outage    atomic.Bool // was reported
	throttled atomic.Bool // was reported
	source    string      // where new credentials may come from
	who       string      // waits for credentials
	failing   atomic.Pointer[Outage]
}

// Outage is the reason why no request succeeds.
type Outage struct {
	Err   error
	Since time.Time
}

// quietFor is how long requests must fail before that is reported.
const quietFor = 10 * time.Second

func (n *narrator) events() retry.Events {
	return retry.Events{Retrying: n.retrying, Recovered: n.recovered, Throttled: n.throttle,
		Unthrottled: n.unthrottle, Refused: n.refused, Accepted: n.accepted}
}

func (n *narrator) retrying(f retry.Failure) {
	n.failing.Store(&Outage{f.Err, time.Now().Add(-f.Silence)})
	n.log.Debug("request failed", "error", f.Err, "tries", f.Tries, "again_in", f.Wait.Round(time.Millisecond).String())
	if f.Silence >= quietFor && n.outage.CompareAndSwap(false, true) {
		n.log.Warn("all requests fail; they are retried", "since", f.Silence.Round(time.Second).String(), "error", f.Err)
	}
}

func (n *narrator) recovered(silence time.Duration) {
	n.failing.Store(nil)
	if n.outage.CompareAndSwap(true, false) {
		n.log.Info("requests succeed again", "after", silence.Round(time.Second).String())
	}
}

func (n *narrator) throttle(inFlight int) {
	level := slog.LevelDebug
	if n.throttled.CompareAndSwap(false, true) {
		level = slog.LevelInfo
	}
	n.log.Log(context.Background(), level, "the service asks for fewer requests", "in_flight", inFlight)
}

func (n *narrator) unthrottle() {
	n.throttled.Store(false)
	n.log.Info("as many requests as before are in flight again")
}

func (n *narrator) refused(err error) {
	n.failing.Store(&Outage{err, time.Now()})
	n.log.Warn("credentials refused; the "+n.who+" waits for new ones", "from", n.source, "error", err)
}

func (n *narrator) accepted() {
	n.failing.Store(nil)
	n.log.Info("credentials accepted; the " + n.who + " continues")
}
