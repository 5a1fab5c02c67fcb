package engine

import (
	"context"
	"errors"
	"fmt"

	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/engine/blobs"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/engine/claim"
	"clfsload/sync/engine/collect"
	"clfsload/sync/engine/memory"
	"clfsload/sync/engine/publish"
	"clfsload/sync/engine/record"
	"clfsload/sync/tree"
)

// Source opens the contents of regular files.
type Source interface {
	// Open opens the contents of a file. path is its path below the root of the tree; "": the
	// namespace is live, and paths change.
	Open(n state.Node, path string) (File, error)
}

// File is the contents of a regular file: all of them, but for blocks that are in the container
// alone.
type File interface {
	// ReadAt reads len(p) bytes, fewer only with an error; io.EOF at the end.
	ReadAt(p []byte, offset int64) (int, error)
	Close() error
}

// LooseFile is a file that anybody may change while it is read. Any other one changes through the
// namespace alone.
type LooseFile interface {
	File
	// Attr returns the attributes that the contents have now.
	Attr() (state.Attr, error)
}

// Options bound what the engine uses.
type Options struct {
	Concurrency int    // files at a time, 1 or more; how many requests, the container decides
	Memory      int64  // bytes of buffers and of uploads not yet recorded, MinMemory or more
	StateName   string // host and path of STATE, for people who look at the container
	// Live: the namespace is changed at any time, as that of a mount is. What fails is tried again
	// after a while, and publications are of a snapshot. Otherwise only a scan adds to it, until
	// everything is uploaded; what fails waits for RetryFailures; and what was recorded survives a
	// power cut.
	Live bool
	// Tree reads the container as other programs have made it: of an adopted one.
	Tree *tree.Tree
}

// MinMemory is the least budget: two of the largest objects, each as it is and
// compressed, and some small ones.
const MinMemory = 64 << 20

// Events tells somebody who watches what happens. The functions may be nil and
// may be called concurrently.
type Events struct {
	Failure func(path string, p state.Failure) // an entry failed
	Warning func(path string, text string)     // an entry was changed to fit the format
}

// Engine transfers what is queued in a journal into a container.
type Engine struct {
	journal   *state.Journal
	container blob.Container
	store     *blobs.Store
	bucket    *bucket.Object
	collector *collect.Collector
	publisher *publish.Publisher
	options   Options
	events    Events
	stats     Stats
	budget    *memory.Budget
	recorder  *record.Recorder
	flights   flights
	gate      claim.Gate
	claims    *claim.Set
	resting   *claim.Resting
	recorded  *record.Bell // rings after uploads were recorded, and when a job came to nothing
}

// New returns an Engine. Options out of range are an error.
func New(j *state.Journal, c blob.Container, o Options, ev Events) (*Engine, error) {
	if o.Concurrency < 1 {
		return nil, fmt.Errorf("concurrency of %d: it must be 1 or more", o.Concurrency)
	}
	if o.Memory < MinMemory {
		return nil, fmt.Errorf("memory budget of %d bytes: it must be %d or more", o.Memory, MinMemory)
	}
	e := &Engine{journal: j, container: c, options: o, events: ev,
		budget: memory.New(o.Memory), gate: claim.NewGate(), claims: claim.NewSet(), resting: claim.NewResting(), recorded: record.NewBell()}
	var err error
	if e.store, err = blobs.New(j, c, o.Tree, ev.Warning, &e.stats.Traffic); err != nil {
		return nil, err
	}
	e.bucket = &bucket.Object{Journal: j, Container: c, Store: e.store, StateName: o.StateName, Live: o.Live}
	e.collector = collect.New(collect.Parts{Journal: j, Container: c, Store: e.store, Tree: o.Tree, Gate: e.gate, Claims: e.claims,
		Resting: e.resting, Concurrency: o.Concurrency})
	e.publisher = &publish.Publisher{Journal: j, Container: c, Store: e.store, Bucket: e.bucket, Collector: e.collector, Gate: e.gate,
		Budget: e.budget, NewRecorder: e.newRecorder, Inodes: &e.stats.Inodes, Live: o.Live, Concurrency: o.Concurrency}
	e.recorder = e.newRecorder()
	e.flights = make(flights, o.Concurrency)
	return e, nil
}

func (e *Engine) newRecorder() *record.Recorder {
	return &record.Recorder{Journal: e.journal, Container: e.container, BatchBytes: e.options.Memory / 4, Live: e.options.Live, Recorded: e.recorded}
}

// Begin makes sure that the container is the journal's, before anything else is
// put: that of a new journal must be empty, and gets its bucket object. Any other must
// hold what the journal has published last. Errors: ErrNotEmpty, ErrForeign,
// ErrOtherPublication, and those of requests.
func (e *Engine) Begin(ctx context.Context) error { return e.bucket.Begin(ctx) }

// Abandon removes the bucket object of a transfer or mount that was refused after Begin, if
// it is in the container. One that another process has put stays.
func (e *Engine) Abandon(ctx context.Context) error { return e.bucket.Abandon(ctx) }

// Open notes in the container that blobs may come that no publication leads to yet. To be called
// once the container is claimed, before anything else is put.
func (e *Engine) Open(ctx context.Context) error { return e.bucket.Open(ctx) }

// Close notes in the container that no such blobs are left. To be called at the end,
// when everything is published and tidy. Another STATE's mark stays as it is.
func (e *Engine) Close(ctx context.Context) error { return e.bucket.Close(ctx) }

// Confirm makes sure, with three small requests, that the container still holds the last
// publication of a mount, and has its root. Errors: ErrGone, ErrForeign,
// ErrOtherPublication, blob.ErrContainerMissing, and those of requests.
func (e *Engine) Confirm(ctx context.Context) error { return e.bucket.Confirm(ctx) }

// Collect deletes the blobs that nothing leads to any more: those that
// publications and uploads have replaced, and those of nodes that were removed.
func (e *Engine) Collect(ctx context.Context) error { return e.collector.Collect(ctx) }

// PublishMount makes what is uploaded of a mount what the root leads to, as of one
// moment, and deletes what that replaces. With ErrLeftover comes the report of a publication that
// is complete.
func (e *Engine) PublishMount(ctx context.Context) (publish.Report, error) {
	return e.publisher.Mount(ctx)
}

// Publish is PublishMount for a load, after Upload: then the container is attachable. When entries
// failed it returns ErrIncomplete, unless incomplete is set: then they are left out. The logs are put
// before the root. It may be repeated.
func (e *Engine) Publish(ctx context.Context, incomplete bool, logs ...publish.Log) error {
	return e.publisher.Load(ctx, incomplete, logs...)
}

// PlanPublish calls yield with each inode that PublishMount would put now, phase after phase,
// and returns what that would report. It changes nothing.
func (e *Engine) PlanPublish(ctx context.Context, yield func(publish.PlannedPut) error) (publish.Report, error) {
	return e.publisher.Plan(ctx, yield)
}

// Head returns the first bytes, 16384 or less, of a file whose contents were uploaded:
// those of the contents that were uploaded last.
func (e *Engine) Head(ctx context.Context, n state.Node) ([]byte, error) { return e.store.Head(ctx, n) }

// Block returns the contents of a block of a file, 1 or higher, that was uploaded
// under a generation; 0 of a file with a BaseMap: that its newest payload has.
func (e *Engine) Block(ctx context.Context, n state.Node, index, gen uint64) ([]byte, error) {
	return e.store.Block(ctx, n, index, gen)
}

// Stats returns live counters.
func (e *Engine) Stats() *Stats { return &e.stats }

// Upload uploads what is queued, and what is queued while it runs. It returns when ended is
// closed and nothing is queued any more; nil: only when ctx ends, with its cause. Entries that
// cannot be read are failures in the journal; an error means that the uploads could not go on, and
// can be gone on with later.
func (e *Engine) Upload(ctx context.Context, s Source, ended <-chan struct{}) error {
	if !e.options.Live {
		e.claims.Reset() // what a run that was stopped has left is nobody's
	}
	err := e.recorder.During(ctx, func(ctx context.Context) error {
		g, ctx := rescue.WithContext(ctx)
		work := make(chan job)
		f := &feeder{engine: e, work: work}
		g.Go(func() error {
			defer close(work)
			return f.run(ctx, ended)
		})
		for i := range e.options.Concurrency {
			g.Go(func() error { return newWorker(e, s, &e.flights[i]).run(ctx, work) })
		}
		return g.Wait()
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

// attempts is how often an entry is read again that changes while it is read.
const attempts = 3

// errChanged: a file changed while it was read.
var errChanged = errors.New("changed while it was read")
