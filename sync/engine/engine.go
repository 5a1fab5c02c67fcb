package engine

import (
	"context"
	"errors"
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
)

// Source opens the contents of regular files.
type Source interface {
	// Open opens the file at a path below the root of the tree.
	Open(path string) (File, error)
}

// File is the content of a regular file.
type File interface {
	// ReadAt reads len(p) bytes, fewer only with an error; io.EOF at the end.
	ReadAt(p []byte, offset int64) (int, error)
	// Attr returns the attributes that the content has now.
	Attr() (state.Attr, error)
	Close() error
}

// Options bound what the engine uses.
type Options struct {
	Concurrency int    // files at a time, 1 or more; how many requests, the container decides
	Memory      int64  // bytes of buffers and of uploads not yet recorded, MinMemory or more
	StateName   string // host and path of STATE, for people who look at the container
	// Tree reads the container as other programs have made it. Only a mount needs it.
	Tree *tree.Tree
}

// MinMemory is the least budget: two of the largest objects, each as it is and
// compressed, and some small ones.
const MinMemory = 64 << 20

// Events tells somebody who watches what happens. The functions may be nil and
// may be called concurrently.
type Events struct {
	Failure func(path string, p state.Problem) // an entry failed
	Warning func(path string, text string)     // an entry was changed to fit the format
}

// Engine transfers what is queued in a journal into a container.
type Engine struct {
	journal   *state.Journal
	container blob.Container
	source    Source
	options   Options
	events    Events
	stats     Stats
	budget    *budget
	recorder  *recorder
	flights   flights

	// Of a mount alone.
	gate     gate
	claims   *claims
	resting  *resting
	recorded *bell               // rings after uploads were recorded, and when a job came to nothing
	tidying  *semaphore.Weighted // held by who publishes or deletes
	fetching *semaphore.Weighted
	tree     *tree.Tree
	bases    *lru.Cache[baseKey, *clfs.Inode]
}

// New returns an Engine. Options out of range are an error. A mount needs no
// Source: see RunMount.
func New(j *state.Journal, c blob.Container, s Source, o Options, ev Events) (*Engine, error) {
	if o.Concurrency < 1 {
		return nil, fmt.Errorf("concurrency of %d: it must be 1 or more", o.Concurrency)
	}
	if o.Memory < MinMemory {
		return nil, fmt.Errorf("memory budget of %d bytes: it must be %d or more", o.Memory, MinMemory)
	}
	e := &Engine{journal: j, container: c, source: s, options: o, events: ev,
		budget: newBudget(o.Memory), gate: newGate(), claims: newClaims(), resting: newResting(), recorded: newBell(),
		tidying: semaphore.NewWeighted(1), fetching: semaphore.NewWeighted(fetches)}
	e.tree = o.Tree
	var err error
	if e.bases, err = lru.New[baseKey, *clfs.Inode](basesKept); err != nil {
		return nil, err
	}
	e.recorder = newRecorder(e)
	e.flights = make(flights, o.Concurrency)
	return e, nil
}

// Stats returns live counters.
func (e *Engine) Stats() *Stats { return &e.stats }

// Transfer uploads queued inodes, those that producers add while it runs
// included. It returns when produced is closed and nothing is queued any more.
// Entries that cannot be read are failures in the journal; an error means that
// the transfer could not go on, and can be gone on with later.
func (e *Engine) Transfer(ctx context.Context, produced <-chan struct{}) error {
	return e.recorder.during(ctx, func(ctx context.Context) error {
		g, ctx := rescue.WithContext(ctx)
		work := make(chan state.Inode)
		g.Go(func() error {
			defer close(work)
			return newFeeder(e, work).run(ctx, produced)
		})
		for i := range e.options.Concurrency {
			g.Go(func() error { return newWorker(e, &e.flights[i]).run(ctx, work) })
		}
		return g.Wait()
	})
}

// put stores one blob.
func (e *Engine) put(ctx context.Context, name string, data []byte) error {
	err := e.container.Put(ctx, name, data)
	e.countPut(data, err)
	return err
}

// putInReach is put for what readers use from then on: a new version of an inode that is
// published, the root, the bucket object. A power cut leaves all of it or nothing. What
// it refers to must be durable.
func (e *Engine) putInReach(ctx context.Context, name string, data []byte) error {
	err := blob.PutWhole(ctx, e.container, name, data)
	e.countPut(data, err)
	return err
}

func (e *Engine) countPut(data []byte, err error) {
	if err == nil {
		e.stats.Blobs.Add(1)
		e.stats.Sent.Add(int64(len(data)))
	}
}

func (e *Engine) remove(ctx context.Context, id, owner clfs.ID, t clfs.Type) error {
	return e.container.Delete(ctx, clfs.ObjectName(id, owner, t, clfs.FirstVersion))
}

// attempts is how often an entry is read again that changes while it is read.
const attempts = 3

// errChanged: a file changed while it was read.
var errChanged = errors.New("changed while it was read")

// entryError is an error of one entry, which does not stop the transfer.
type entryError struct{ state.Problem }

func (e *entryError) Error() string { return e.Op + ": " + e.Reason }
