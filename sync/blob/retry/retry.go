package retry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"clfsload/sync/blob"
)

// Pauses between the tries of a request.
const (
	firstDelay = 500 * time.Millisecond
	maxDelay   = 30 * time.Second
	maxAsked   = 5 * time.Minute // maximum of pauses that a service requests
)

// Options are the settings of a Container.
type Options struct {
	InFlight int           // requests at a time, 1 or more
	For      time.Duration // how long requests are retried after the last success of any; 0: never
	Opening  time.Duration // the same before the first success of any, if it is less than For

	// Refresh switches to new credentials if there are any. It is called by one request at a time.
	// nil: refused credentials are an error at once, as they always are before the first success.
	Refresh func(ctx context.Context)
	// RefreshEvery is the time between two calls of Refresh, more than 0.
	RefreshEvery time.Duration
	// Wake ends that time early; may be nil.
	Wake <-chan struct{}
}

// Events are callbacks for an observer. The functions may be nil, are called from many goroutines
// and must not call the Container.
type Events struct {
	Retrying    func(Failure)               // a request failed and is retried after a pause
	Recovered   func(silence time.Duration) // a request succeeded, the first since Retrying; none had for that time
	Throttled   func(inFlight int)          // this many requests may be in flight from now on
	Unthrottled func()                      // the maximum is in flight again
	Refused     func(err error)             // credentials are refused: all requests wait
	Accepted    func()                      // credentials are accepted: all requests continue
}

// Failure is a failed try.
type Failure struct {
	Err     error
	Tries   int           // of this request so far
	Wait    time.Duration // before the next one
	Silence time.Duration // since any request succeeded, or this one began
}

// Container is a container whose requests are retried. See New.
type Container struct {
	inner   blob.Container
	options Options
	events  Events
	flights *flights
	gate    *gate
	revival *revival

	born    time.Time
	last    atomic.Int64 // time after born of the last success; 0: none yet
	trouble atomic.Bool  // a request failed after the last success
}

var (
	_ blob.Container = (*Container)(nil)
	_ blob.Syncer    = (*Container)(nil)
)

// New returns a container that passes requests on to inner and retries them.
func New(inner blob.Container, o Options, ev Events) *Container {
	return &Container{inner: inner, options: o, events: ev, flights: newFlights(o.InFlight),
		gate: newGate(o, ev), revival: newRevival(), born: time.Now()}
}

// request is a call during its tries.
type request struct {
	op, name string
	began    time.Time // or when it continued after waiting for credentials
	tries    int
	delays   *backoff.ExponentialBackOff // nil before the first failure
}

// Do runs call, which makes a request, as if it were one of the container's methods. Op and name
// are for messages.
func (c *Container) Do(ctx context.Context, op, name string, call func() error) error {
	r := request{op: op, name: name, began: time.Now()}
	for {
		p, err := c.gate.enter(ctx)
		if err != nil {
			return r.ended(ctx)
		}
		if p.waited {
			r.began = time.Now()
		}
		back := c.revival.next()
		sent, err := c.send(ctx, p, call)
		c.gate.leave(p, err)
		if errors.Is(err, blob.ErrTransient) {
			ctx = blob.Begun(ctx) // the service may have carried it out, or may still do so
		}
		switch {
		case err == errClosed:
			continue
		case err == nil || errors.Is(err, blob.ErrNotFound):
			c.succeeded()
			return err
		case ctx.Err() != nil:
			return r.ended(ctx)
		case errors.Is(err, blob.ErrCredentials) && c.last.Load() != 0 && c.gate.canRefresh():
			c.gate.close(p, err)
			continue
		case errors.Is(err, blob.ErrThrottled):
			c.throttled(sent)
			back = nil
		case !errors.Is(err, blob.ErrTransient) && !errors.Is(err, blob.ErrChecksum):
			return err
		}
		if err := c.pause(ctx, &r, err, back); err != nil {
			return err
		}
	}
}

// errClosed: the gate was closed while the request waited for its slot.
var errClosed = errors.New("gate closed")

// send makes one try, as one of the requests in flight.
func (c *Container) send(ctx context.Context, p pass, call func() error) (sent time.Time, err error) {
	if err := c.flights.acquire(ctx); err != nil {
		return time.Time{}, err
	}
	if !c.gate.admits(p) {
		c.flights.release(false)
		return time.Time{}, errClosed
	}
	sent = time.Now()
	err = call()
	if c.flights.release(err == nil) && c.events.Unthrottled != nil {
		c.events.Unthrottled()
	}
	return sent, err
}

func (c *Container) throttled(sent time.Time) {
	if limit, cut := c.flights.cut(sent); cut && c.events.Throttled != nil {
		c.events.Throttled(limit)
	}
}

// pause waits before the next try, or until back is closed. If there is no next try, it returns an
// error.
func (c *Container) pause(ctx context.Context, r *request, err error, back <-chan struct{}) error {
	r.tries++
	if r.delays == nil {
		r.delays = &backoff.ExponentialBackOff{InitialInterval: firstDelay, MaxInterval: maxDelay, Multiplier: 2, RandomizationFactor: 0.5}
	}
	f := Failure{Err: err, Tries: r.tries, Wait: r.delays.NextBackOff(), Silence: c.silence(r.began)}
	if asked := min(blob.PauseOf(err), maxAsked); asked > 0 {
		f.Wait, back = f.Wait+asked, nil
	}
	limit := c.options.For
	if c.last.Load() == 0 {
		limit = min(limit, c.options.Opening)
	}
	if f.Silence >= limit {
		if r.tries == 1 {
			return err
		}
		return fmt.Errorf("%w (tried %d times, and nothing succeeded for %s)", err, r.tries, f.Silence.Round(time.Second))
	}
	f.Wait = min(f.Wait, limit-f.Silence)
	c.trouble.Store(true)
	if c.events.Retrying != nil {
		c.events.Retrying(f)
	}
	revived, err := sleep(ctx, f.Wait, back)
	if err != nil {
		return r.ended(ctx)
	}
	if revived {
		r.delays = nil
	}
	return nil
}

// silence is the time since the last success, or since began if that was later.
func (c *Container) silence(began time.Time) time.Duration {
	now := time.Now()
	return min(now.Sub(began), now.Sub(c.born)-time.Duration(c.last.Load()))
}

func (c *Container) succeeded() {
	now := max(time.Since(c.born), 1)
	last := c.last.Swap(int64(now))
	silence := now - time.Duration(last)
	if silence >= outage {
		c.revival.tell()
	}
	if c.trouble.Load() && c.trouble.CompareAndSwap(true, false) && c.events.Recovered != nil {
		c.events.Recovered(silence)
	}
}

// ended is the error of a request whose context has ended. It wraps the context's
// error and its cause.
func (r *request) ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return fmt.Errorf("%s %s: %w", r.op, r.name, err)
	}
	return fmt.Errorf("%s %s: %w: %w", r.op, r.name, err, cause)
}
