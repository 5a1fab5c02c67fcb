package upload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"clfsload/fusefs/staging"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
	"clfsload/sync/target"
)

// Options are what an uploader works with.
type Options struct {
	Engine *engine.Engine
	Target *target.Target
	IDs    target.LeaseIDs
	Log    *slog.Logger

	// Publish publishes if there is anything to publish. It is called at this interval; 0: never.
	Publish         func(context.Context) error
	PublishInterval time.Duration
}

// Uploader keeps the container of a mount claimed and the engine at work, for as long
// as the mount lives. Whatever goes wrong is logged, told by status, and tried again.
type Uploader struct {
	Options
	staged *staging.Store // set by Start

	stop  context.CancelFunc // nil before Start
	done  chan struct{}
	taken chan struct{} // closed when nothing will be uploaded any more: see giveUp

	mu      sync.Mutex
	tenure  *tenure        // nil: the container is not ours
	changed chan struct{}  // closed when tenure changes
	asked   bool           // for the lease
	claimed bool           // the lease is ours, and nobody keeps it yet
	wasOurs bool           // the container, some time
	failure *target.Outage // what failed last; nil: nothing
	blobs   int64          // that were put when it failed
}

// tenure is a time for which the container is ours.
type tenure struct {
	ctx  context.Context // ends with it
	work sync.WaitGroup  // what writes to the container
}

// New makes an uploader that has asked for nothing yet.
func New(o Options) *Uploader {
	return &Uploader{Options: o, changed: make(chan struct{}), done: make(chan struct{}), taken: make(chan struct{})}
}

// Connect makes sure that the container is the journal's, and claims it.
func (u *Uploader) Connect(ctx context.Context) error {
	if err := u.Engine.Begin(ctx); err != nil {
		return err
	}
	u.asked = true
	if err := u.Target.Claim(ctx, u.IDs); err != nil {
		return err
	}
	u.claimed = true
	return nil
}

// TakeBackNote takes back the note of the lease after Connect was refused with an error. Nobody has a
// lease that was not asked for.
func (u *Uploader) TakeBackNote(refused error) error {
	if !u.asked {
		refused = nil
	}
	return u.IDs.Forget(refused)
}

// Start begins to upload staged files in the background.
func (u *Uploader) Start(ctx context.Context, staged *staging.Store) {
	u.staged = staged
	ctx, u.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(u.done)
		u.run(ctx)
	}()
}

// Close ends uploads and waits for those that are under way.
func (u *Uploader) Close() {
	if u.stop != nil {
		u.stop()
		<-u.done
	}
}

// Pauses after failures.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

func newPauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: firstPause, MaxInterval: maxPause, Multiplier: 2, RandomizationFactor: 0.2}
}

// rest waits after a failure. New credentials are looked for more often.
func rest(ctx context.Context, pauses *backoff.ExponentialBackOff, err error) {
	pause := pauses.NextBackOff()
	if errors.Is(err, blob.ErrCredentials) {
		pause = target.LookEvery
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

func (u *Uploader) run(ctx context.Context) {
	pauses := newPauses()
	for ctx.Err() == nil {
		if !u.claimed {
			u.Target.Refresh()
			if err := rescue.Call(func() error { return u.Connect(ctx) }); err != nil {
				if ctx.Err() != nil {
					return
				}
				u.Failed("go on", err)
				if u.wasOurs && errors.Is(err, blob.ErrLeased) {
					u.giveUp(ctx)
					return
				}
				rest(ctx, pauses, err)
				continue
			}
		}
		pauses.Reset()
		u.upholdTenure(ctx)
	}
}

// ErrTaken: the container was ours, and another process has claimed it.
var ErrTaken = errors.New("another process has taken the container, and this mount no longer uploads; make sure that no other process uses the container, then unmount and mount again")

// giveUp waits for the end of the mount. Whoever has taken the container may have
// changed in it what the journal does not know, so that nothing must be written to it,
// not even when it is free again.
func (u *Uploader) giveUp(ctx context.Context) {
	u.Failed("upload", ErrTaken)
	close(u.taken)
	<-ctx.Done()
}

// Useful returns a context that ends with ErrTaken when there is nothing to wait for.
func (u *Uploader) Useful(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-u.taken:
			stop(ErrTaken)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(nil) }
}

// upholdTenure uploads until the lease is lost or ctx ends.
func (u *Uploader) upholdTenure(ctx context.Context) {
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	u.claimed = false
	var all sync.WaitGroup
	all.Go(func() {
		if err := rescue.Call(func() error { return u.Target.Lease.Keep(ctx) }); err != nil {
			lose(err)
		}
	})
	if err := u.Engine.Open(ctx); err != nil {
		lose(err)
	} else {
		u.work(ctx)
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != context.Canceled {
		u.Failed("keep the container", cause)
	}
}

// work uploads, publishes and deletes until ctx ends.
func (u *Uploader) work(ctx context.Context) {
	t := u.begin(ctx)
	var all sync.WaitGroup
	all.Go(func() { u.upload(ctx) })
	all.Go(func() { u.every(ctx, u.PublishInterval, "publish", u.Publish) })
	all.Go(func() { u.every(ctx, collectEvery, "remove what is replaced", u.Engine.Collect) })
	<-ctx.Done()
	u.end(t)
	all.Wait()
}

func (u *Uploader) begin(ctx context.Context) *tenure {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wasOurs = true
	u.tenure = &tenure{ctx: ctx}
	u.announce()
	return u.tenure
}

func (u *Uploader) end(t *tenure) {
	u.mu.Lock()
	u.tenure = nil
	u.announce()
	u.mu.Unlock()
	t.work.Wait()
}

func (u *Uploader) announce() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// upload keeps the engine running.
func (u *Uploader) upload(ctx context.Context) {
	pauses := newPauses()
	for ctx.Err() == nil {
		began := time.Now()
		err := rescue.Call(func() error { return u.Engine.Upload(ctx, stagedFiles{u.staged}, nil) })
		if ctx.Err() != nil {
			return
		}
		u.Failed("upload", err)
		if time.Since(began) > maxPause {
			pauses.Reset()
		}
		rest(ctx, pauses, err)
	}
}

// collectEvery is the time between two looks for blobs that nothing needs any more.
const collectEvery = 30 * time.Second

// every does something again and again, but not when the interval is 0.
func (u *Uploader) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	if interval == 0 {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := rescue.Call(func() error { return do(ctx) }); err != nil && ctx.Err() == nil {
			u.Failed(what, err)
		}
	}
}

// Failed notes what went wrong, and logs it when it was not told before.
func (u *Uploader) Failed(what string, err error) {
	err = fmt.Errorf("%s: %w", what, err)
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.lastFailure()
	if known == nil || known.Err.Error() != err.Error() {
		code, text := outcome.Describe(err)
		u.Log.Error("what is written stays in STATE for now", "error", text, "code", code)
		if p := new(rescue.Panic); errors.As(err, &p) {
			u.Log.Error("a fault of the program", "stack", string(p.Stack))
		}
		known = &target.Outage{Err: err, Since: time.Now()}
	}
	u.failure, u.blobs = known, u.Engine.Stats().Blobs.Load()
}

// lastFailure is what keeps uploads from going on. What was before the last blob that
// was put is over.
func (u *Uploader) lastFailure() *target.Outage {
	if u.failure != nil && u.Engine.Stats().Blobs.Load() == u.blobs {
		return u.failure
	}
	return nil
}

// WasClaimed reports whether the container was ours, some time. It is called after Close.
func (u *Uploader) WasClaimed() bool { return u.wasOurs }

// Why is what keeps uploads from going on; nil: nothing that is known.
func (u *Uploader) Why() *target.Outage {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t := u.lastFailure(); t != nil {
		return t
	}
	return u.Target.Outage()
}

// Within runs do, which writes to the container, once that is ours. Its context ends
// with the lease.
func (u *Uploader) Within(ctx context.Context, do func(context.Context) error) error {
	t, err := u.enter(ctx)
	if err != nil {
		return err
	}
	defer t.work.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })()
	return do(ctx)
}

// enter waits until the container is ours, and counts one that writes to it.
func (u *Uploader) enter(ctx context.Context) (*tenure, error) {
	for {
		u.mu.Lock()
		t, changed := u.tenure, u.changed
		if t != nil {
			t.work.Add(1)
		}
		u.mu.Unlock()
		if t != nil {
			return t, nil
		}
		select {
		case <-changed:
		case <-u.taken:
			return nil, ErrTaken
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// stagedFiles lets the engine read what is staged.
type stagedFiles struct{ store *staging.Store }

func (s stagedFiles) Open(n state.Node, _ string) (engine.File, error) {
	f, err := s.store.Open(n.Ino)
	if err != nil {
		return nil, err
	}
	return f, nil
}
