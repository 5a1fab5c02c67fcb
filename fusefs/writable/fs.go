package writable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/fusefs/internal/attach"
	"clfsload/fusefs/internal/fetch"
	"clfsload/fusefs/staging"
	"clfsload/rescue"
	"clfsload/state"
)

// FS is a mounted file system.
type FS struct {
	fuse.RawFileSystem // answers what is not supported

	journal   *state.Journal
	staging   *staging.Store
	container Container
	options   Options
	log       *slog.Logger
	ctx       context.Context // of everything that the file system does

	nodes       *nodes
	names       *names
	files       *table
	handles     *handles[*handle]
	listings    *handles[*listing]
	directories *directories
	blocks      *fetch.Cache[blockKey, []byte]
	known       *known
	sweeps      *sweeps
	recent      recency
	dropAfter   state.Ino // directories up to this one were looked at, to be dropped
	dropStuck   uint64    // so many inodes stayed when all directories had been looked at
	room        *room

	orphans  inoSet // nodes without a name that have handles
	disowned inoSet // those whose last handle was released
	dropped  inoSet // removed nodes whose staging files have to go
	used     inoSet // files that were opened
	unended  inoSet // files whose close the journal could not be told of

	settleLock sync.Mutex
	mount      *attach.Mount
	stop       context.CancelFunc
	loops      sync.WaitGroup
	closing    sync.Once
}

// Mount shows a journal of the kind mount at a directory, which
// fusefs.PreparePoint has returned. What a crash has left must have been dealt with
// (state.Journal.Recover). The file system serves when Mount returns; ctx is for
// the beginning alone. Errors wrap fusefs.ErrMountPoint or come from the
// journal.
func Mount(ctx context.Context, point string, j *state.Journal, store *staging.Store, c Container, o Options) (*FS, error) {
	s := newFS(context.WithoutCancel(ctx), j, store, c, o)
	var err error
	if s.mount, err = attach.Serve(s, point, s.mountOptions(), o.Log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.work(s.settling, s.reaping, s.evicting, s.sweeping, s.dropping)
	return s, nil
}

func newFS(ctx context.Context, j *state.Journal, store *staging.Store, c Container, o Options) *FS {
	ctx, stop := context.WithCancel(ctx)
	s := &FS{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		journal:       j, staging: store, container: c, options: o, log: o.Log, ctx: ctx, stop: stop,
		names:    newNames(),
		handles:  newHandles[*handle](),
		listings: newHandles[*listing](), directories: &directories{open: map[state.Ino]int{}},
		blocks: fetch.New[blockKey, []byte](ctx, o.Memory),
	}
	s.nodes = newNodes(j, func(u state.Unread) error { return s.read(ctx, u) })
	s.files = &table{system: s, files: map[state.Ino]*file{}}
	s.room = newRoom(s)
	s.known, s.sweeps = newKnown(), newSweeps(s)
	s.recent = newRecency()
	return s
}

func (s *FS) mountOptions() *fuse.MountOptions {
	o := attach.Options(s.options.Source, s.options.AllowOther, s.log)
	o.ExplicitDataCacheControl = true // nobody changes contents behind the kernel's back
	o.ExtraCapabilities = fuse.CAP_ATOMIC_O_TRUNC
	if os.Geteuid() == 0 {
		o.DirectMountStrict, o.DirectMountFlags = true, unix.MS_NOSUID|unix.MS_NODEV
	}
	return &o
}

// work starts what goes on in the background.
func (s *FS) work(loops ...func()) {
	for _, loop := range loops {
		s.loops.Go(func() {
			for s.panics(loop) {
			}
		})
	}
}

// panics runs a loop and reports whether it has panicked and must go on, after a while.
func (s *FS) panics(loop func()) bool {
	err := rescue.Call(func() error { loop(); return nil })
	var p *rescue.Panic
	if !errors.As(err, &p) {
		return false
	}
	s.log.Error("a task of the mount failed", "error", p, "stack", string(p.Stack))
	select {
	case <-time.After(time.Second):
	case <-s.ctx.Done():
	}
	return s.ctx.Err() == nil
}

// String is the name of the file system.
func (s *FS) String() string { return attach.FileSystemName }

// Access is never asked: the kernel checks permissions.
func (s *FS) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.ENOSYS }

// Ioctl answers fusefs.HasCache.
func (s *FS) Ioctl(_ <-chan struct{}, in *fuse.IoctlIn, _ []byte, out *fuse.IoctlOut, _ []byte) fuse.Status {
	result, errno := attach.AnswerCacheQuery(in.Cmd, s.options.Cached)
	out.Result = result
	return fuse.Status(errno)
}

// Done is closed when the file system is unmounted, by us or by somebody else.
func (s *FS) Done() <-chan struct{} { return s.mount.Done() }

// Unmount takes the file system out of the directory tree. If it is in use,
// nothing happens and the error is EBUSY, unless force is set: then it disappears at once, and
// whoever has a file open may use that for some seconds more. Until Close the
// file system goes on working in the background.
func (s *FS) Unmount(force bool) error { return s.mount.Unmount(force) }

// Close ends what goes on in the background. Once the kernel has let go, files that were
// closed and not released count as released. A file that a program was still writing is left
// to the journal as a crash leaves it: nobody knows whether all of it is there. The
// journal stays open.
func (s *FS) Close() error {
	var err error
	s.closing.Do(func() { err = s.close() })
	return err
}

func (s *FS) close() error {
	if s.isAttached() {
		if err := s.awaitReleases(s.ctx); err != nil {
			return err
		}
	}
	for _, h := range s.handles.all() {
		if !h.isCutOff() {
			s.closed(h)
		}
	}
	s.endUnended()
	err := s.reap(s.ctx)
	s.stop()
	s.loops.Wait()
	for _, f := range s.files.all() {
		f.mu.Lock()
		if f.isLive() && f.writers.Load() == 0 {
			err = errors.Join(err, fmt.Errorf("inode %d was not closed", f.ino))
		}
		f.shut()
		f.mu.Unlock()
	}
	return err
}

// isAttached reports whether programs may have files open: the kernel has not let go
// of the mount.
func (s *FS) isAttached() bool {
	if s.mount == nil {
		return false
	}
	select {
	case <-s.mount.Done():
		return false
	default:
		return true
	}
}

// sweeping counts the staging files and removes those of inodes that are gone.
func (s *FS) sweeping() {
	err := s.staging.Sweep(s.ctx, s.swept)
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("the staging files are not all counted", "error", err)
	}
}

// swept deals with a staging file that was found, and reports whether it stays.
func (s *FS) swept(ino state.Ino) (stays bool, err error) {
	n, err := s.journal.Node(s.ctx, ino)
	switch {
	case errors.Is(err, state.ErrNoEntry):
		return false, nil
	case err != nil:
	case n.State == state.Removed && n.Flags&state.Orphan == 0:
		s.dropped.add(ino)
	case !n.IsStaged():
		err = s.journal.Restage(s.ctx, ino)
	}
	return true, err
}

// Usage says what staging files take.
func (s *FS) Usage() staging.Usage {
	used, _ := s.staging.Usage()
	limit, free := s.room.size()
	return staging.Usage{Bytes: used, Limit: limit, Free: free}
}
