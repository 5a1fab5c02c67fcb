package daemon

import (
	"context"
	"errors"
	"fmt"
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

// uploader keeps the container of a mount claimed and the engine at work, for as long
// as the mount lives. Whatever goes wrong is logged, told by status, and tried again.
type uploader struct {
	m   *Mount
	ids target.LeaseIDs

	stop  context.CancelFunc // nil before start
	done  chan struct{}
	taken chan struct{} // closed when nothing will be uploaded any more: see giveUp

	mu      sync.Mutex
	tenure  *tenure        // nil: the container is not ours
	changed chan struct{}  // closed when tenure changes
	asked   bool           // for the lease
	claimed bool           // the lease is ours, and nobody keeps it yet
	held    bool           // it was ours before
	trouble *target.Outage // what failed last; nil: nothing
	blobs   int64          // that were put when it failed
}

// tenure is a time for which the container is ours.
type tenure struct {
	ctx  context.Context // ends with it
	work sync.WaitGroup  // what writes to the container
}

func newUploader(m *Mount, ids target.LeaseIDs) *uploader {
	return &uploader{m: m, ids: ids, changed: make(chan struct{}), done: make(chan struct{}), taken: make(chan struct{})}
}

// connect makes sure that the container is the journal's, and claims it.
func (u *uploader) connect(ctx context.Context) error {
	if err := u.m.engine.Begin(ctx); err != nil {
		return err
	}
	u.asked = true
	if err := u.m.target.Claim(ctx, u.ids); err != nil {
		return err
	}
	u.claimed = true
	return nil
}

// forget takes back the note of the lease after connect was refused with an error. Nobody has a
// lease that was not asked for.
func (u *uploader) forget(refused error) error {
	if !u.asked {
		refused = nil
	}
	return u.ids.Forget(refused)
}

// start begins to upload in the background.
func (u *uploader) start(ctx context.Context) {
	ctx, u.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(u.done)
		var all sync.WaitGroup
		all.Go(func() { u.run(ctx) })
		all.Go(func() { u.m.sampleRates(ctx) })
		all.Wait()
	}()
}

// close ends uploads and waits for those that are under way.
func (u *uploader) close() {
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

func (u *uploader) run(ctx context.Context) {
	pauses := newPauses()
	for ctx.Err() == nil {
		if !u.claimed {
			u.m.target.Refresh()
			if err := rescue.Call(func() error { return u.connect(ctx) }); err != nil {
				if ctx.Err() != nil {
					return
				}
				u.failed("go on", err)
				if u.held && errors.Is(err, blob.ErrLeased) {
					u.giveUp(ctx)
					return
				}
				rest(ctx, pauses, err)
				continue
			}
		}
		pauses.Reset()
		u.hold(ctx)
	}
}

// errTaken: the container was ours, and another process has claimed it.
var errTaken = errors.New("another process has taken the container, and this mount uploads nothing any more; make sure that no other process uses the container, then unmount and mount again")

// giveUp waits for the end of the mount. Whoever has taken the container may have
// changed in it what the journal does not know, so that nothing must be written to it,
// not even when it is free again.
func (u *uploader) giveUp(ctx context.Context) {
	u.failed("upload", errTaken)
	close(u.taken)
	<-ctx.Done()
}

// useful returns a context that ends with errTaken when there is nothing to wait for.
func (u *uploader) useful(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-u.taken:
			stop(errTaken)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(nil) }
}

// hold uploads until the lease is lost or ctx ends.
func (u *uploader) hold(ctx context.Context) {
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	u.claimed = false
	var all sync.WaitGroup
	all.Go(func() {
		if err := rescue.Call(func() error { return u.m.target.Lease.Keep(ctx) }); err != nil {
			lose(err)
		}
	})
	if err := u.m.engine.Open(ctx); err != nil {
		lose(err)
	} else {
		u.work(ctx)
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != context.Canceled {
		u.failed("keep the container", cause)
	}
}

// work uploads, publishes and deletes until ctx ends.
func (u *uploader) work(ctx context.Context) {
	t := u.begin(ctx)
	var all sync.WaitGroup
	all.Go(func() { u.upload(ctx) })
	all.Go(func() { u.every(ctx, u.m.options.PublishInterval, "publish", u.publishChanges) })
	all.Go(func() { u.every(ctx, collectEvery, "remove what is replaced", u.m.engine.Collect) })
	<-ctx.Done()
	u.end(t)
	all.Wait()
}

func (u *uploader) begin(ctx context.Context) *tenure {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held = true
	u.tenure = &tenure{ctx: ctx}
	u.announce()
	return u.tenure
}

func (u *uploader) end(t *tenure) {
	u.mu.Lock()
	u.tenure = nil
	u.announce()
	u.mu.Unlock()
	t.work.Wait()
}

func (u *uploader) announce() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// upload keeps the engine running.
func (u *uploader) upload(ctx context.Context) {
	pauses := newPauses()
	for ctx.Err() == nil {
		began := time.Now()
		err := rescue.Call(func() error { return u.m.engine.Upload(ctx, stagedFiles{u.m.staged}, nil) })
		if ctx.Err() != nil {
			return
		}
		u.failed("upload", err)
		if time.Since(began) > maxPause {
			pauses.Reset()
		}
		rest(ctx, pauses, err)
	}
}

// collectEvery is the time between two looks for blobs that nothing needs any more.
const collectEvery = 30 * time.Second

// every does something again and again, but not when the interval is 0.
func (u *uploader) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
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
			u.failed(what, err)
		}
	}
}

// publishChanges publishes if there is anything to publish.
func (u *uploader) publishChanges(ctx context.Context) error {
	t := u.m.journal.Counts()
	if t.PublishedAt != 0 && t.Held == 0 && t.Sealed == 0 {
		return nil
	}
	_, err := u.m.publishNow(ctx)
	return err
}

// failed notes what went wrong, and logs it when it was not told before.
func (u *uploader) failed(what string, err error) {
	err = fmt.Errorf("%s: %w", what, err)
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u._trouble()
	if known == nil || known.Err.Error() != err.Error() {
		code, text := outcome.Describe(err)
		u.m.options.Log.Error("what is written stays in STATE for now", "error", text, "code", code)
		if p := new(rescue.Panic); errors.As(err, &p) {
			u.m.options.Log.Error("a fault of the program", "stack", string(p.Stack))
		}
		known = &target.Outage{Err: err, Since: time.Now()}
	}
	u.trouble, u.blobs = known, u.m.engine.Stats().Blobs.Load()
}

// _trouble is what keeps uploads from going on. What was before the last blob that
// was put is over.
func (u *uploader) _trouble() *target.Outage {
	if u.trouble != nil && u.m.engine.Stats().Blobs.Load() == u.blobs {
		return u.trouble
	}
	return nil
}

// why is what keeps uploads from going on; nil: nothing that is known.
func (u *uploader) why() *target.Outage {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t := u._trouble(); t != nil {
		return t
	}
	return u.m.target.Outage()
}

// within runs do, which writes to the container, once that is ours. Its context ends
// with the lease.
func (u *uploader) within(ctx context.Context, do func(context.Context) error) error {
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
func (u *uploader) enter(ctx context.Context) (*tenure, error) {
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
			return nil, errTaken
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
