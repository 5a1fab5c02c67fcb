package tree

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/blob"
)

// Options tune a Tree. The zero value has good defaults.
type Options struct {
	Requests int    // maximum of requests in flight; 0: 64
	Memory   int64  // bytes of segments held at a time, roughly; 0: 192 MiB
	TempDir  string // directory of temporary databases; "": $TMPDIR
	// ListInParts lists names by their beginnings, many beginnings at a time. That is fast if the
	// service keeps its names in order, and slow if each listing goes over all names, as in a
	// directory.
	ListInParts bool
}

// cachedIndirects is how many decoded indirect blocks are kept, of about 160
// KiB each.
const cachedIndirects = 64

// knownPlaces is how many read segments are remembered with their place, of about 300 bytes each.
const knownPlaces = 4096

// A Tree is a container that is being read. It may be used by many goroutines.
type Tree struct {
	container blob.Container
	options   Options
	requests  *semaphore.Weighted
	memory    *semaphore.Weighted
	unpacking *semaphore.Weighted // of segments: one for each processor
	indirects *lru.Cache[clfs.ID, cachedIndirect]
	placed    *lru.Cache[clfs.ID, placedSegment]
	index     *Index
	passed    passedOver
	anyOwnID  bool // see AcceptAnyOwnID
	traffic   traffic
	clfsLoad  atomic.Pointer[bool] // of the bucket object; nil before it was read
	cache     signs
	openMark  atomic.Pointer[object.Mark]
	askedMark sync.Once
}

// New creates a Tree without a look at the container, which may be damaged, unfinished or no
// container at all.
func New(c blob.Container, o Options) *Tree {
	if o.Requests <= 0 {
		o.Requests = 64
	}
	if o.Memory <= 0 {
		o.Memory = 192 << 20
	}
	o.Memory = max(o.Memory, segmentWeight)
	indirects, err := lru.New[clfs.ID, cachedIndirect](cachedIndirects)
	if err != nil {
		panic(err) // only for a size below 1
	}
	placed, err := lru.New[clfs.ID, placedSegment](knownPlaces)
	if err != nil {
		panic(err)
	}
	return &Tree{container: c, options: o, indirects: indirects, placed: placed,
		requests: semaphore.NewWeighted(int64(o.Requests)), memory: semaphore.NewWeighted(o.Memory),
		unpacking: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))}
}

// Open creates a Tree of a complete container: it has a valid bucket object and a root directory.
// The error wraps [ErrNoContainer], [ErrUnfinished], a [Damage] or an error of package blob.
func Open(ctx context.Context, c blob.Container, o Options) (*Tree, error) {
	t := New(c, o)
	return t, t.Check(ctx)
}

// Check reads the objects that every container has: see [Open].
func (t *Tree) Check(ctx context.Context) error {
	if _, _, err := t.Bucket(ctx); err != nil {
		return fmt.Errorf("open %s: %w", t.container, err)
	}
	if _, err := t.Root(ctx); err != nil {
		return fmt.Errorf("open %s: %w", t.container, err)
	}
	return nil
}

// Close releases the index.
func (t *Tree) Close() error {
	if t.index == nil {
		return nil
	}
	return t.index.close()
}

// Container is the container that the tree is read from.
func (t *Tree) Container() blob.Container { return t.container }

// TempDir is the directory of temporary databases.
func (t *Tree) TempDir() string { return t.options.TempDir }

// Bucket reads the bucket object. The error wraps [ErrNoContainer] if there is
// none.
func (t *Tree) Bucket(ctx context.Context) (object.Bucket, Object, error) {
	o, err := t.Find(ctx, clfs.BucketID)
	if IsMissing(err) {
		return object.Bucket{}, Object{}, ErrNoContainer
	}
	if err != nil {
		return object.Bucket{}, Object{}, err
	}
	b, err := t.bucket(ctx, o)
	if err != nil {
		return object.Bucket{}, o, err
	}
	byCLFSLoad := b.FinishedByCLFSLoad()
	t.clfsLoad.Store(&byCLFSLoad)
	if b.Mark != nil && b.Mark.Open == object.OpenMount {
		t.openMark.Store(b.Mark)
	}
	return b, o, nil
}

func (t *Tree) bucket(ctx context.Context, o Object) (b object.Bucket, err error) {
	_, err = t.payload(ctx, o, maxInodePayload, func(o Object, payload []byte) (err error) {
		if b, err = object.DecodeBucket(payload); err != nil {
			return BadObject(err, o.Blob)
		}
		return nil
	})
	return b, err
}

// Mark reads the present mark of the container, with one request; nil: it has none.
func (t *Tree) Mark(ctx context.Context) (*object.Mark, error) {
	name := clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)
	b, err := t.bucket(ctx, Object{Blob: name, Number: -1})
	return b.Mark, err
}

// Root reads the root directory. The error wraps [ErrUnfinished] if there is
// none.
func (t *Tree) Root(ctx context.Context) (*Node, error) {
	n, err := t.Node(ctx, clfs.RootID)
	if IsMissing(err) {
		return nil, ErrUnfinished
	}
	return n, err
}

// IsMissing reports whether an error means that something refers to a missing object.
func IsMissing(err error) bool {
	var d *Damage
	return errors.As(err, &d) && d.Kind == KindMissing
}

// PassedOver counts what a reader of the live namespace skips (docs/clfs-format.md section 8). An
// object that is read twice counts twice.
type PassedOver struct {
	OlderVersions  int64 `json:"older_versions"`
	Snapshots      int64 `json:"other_snapshots"`
	Tombstones     int64 `json:"tombstones"`
	UnknownRecords int64 `json:"unknown_records"`
	ExtAttrs       int64 `json:"extended_attributes"`
}

type passedOver struct{ older, snapshots, tombstones, records, extAttrs atomic.Int64 }

// PassedOver returns the counts so far.
func (t *Tree) PassedOver() PassedOver {
	return PassedOver{OlderVersions: t.passed.older.Load(), Snapshots: t.passed.snapshots.Load(),
		Tombstones: t.passed.tombstones.Load(), UnknownRecords: t.passed.records.Load(),
		ExtAttrs: t.passed.extAttrs.Load()}
}

// Traffic counts the requests to the container.
type Traffic struct {
	Requests int64 // listings and reads
	Bytes    int64 // of blobs read
	Listed   int64 // names listed for the index
	Checked  int64 // blobs whose bytes were compared with their stored MD5
}

type traffic struct{ requests, bytes, listed, checked atomic.Int64 }

// Traffic returns the counts so far.
func (t *Tree) Traffic() Traffic {
	return Traffic{Requests: t.traffic.requests.Load(), Bytes: t.traffic.bytes.Load(),
		Listed: t.traffic.listed.Load(), Checked: t.traffic.checked.Load()}
}
