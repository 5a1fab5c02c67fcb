package writable

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/fusefs"
	"clfsload/fusefs/staging"
	"clfsload/fusefs/writable/adopted"
	"clfsload/fusefs/writable/contents"
	"clfsload/fusefs/writable/inodes"
	"clfsload/fusefs/writable/reclaim"
	"clfsload/state"
)

// FS is a mounted file system.
type FS struct {
	fuse.RawFileSystem // answers what is not supported

	journal *state.Journal
	staging *staging.Store
	options Options
	log     *slog.Logger
	ctx     context.Context // of everything that the file system does

	nodes       *inodes.Cache
	names       *inodes.Names
	files       *contents.Table
	handles     *handles[*contents.Handle]
	listings    *handles[*listing]
	directories *directories
	partial     *adopted.Part
	room        *reclaim.Room
	evictor     *reclaim.Evictor
	reaper      *reclaim.Reaper
	unended     inodes.Set // files whose close the journal could not be told of

	settleLock sync.Mutex
	mount      *fusefs.Mount
	stop       context.CancelFunc
	loops      sync.WaitGroup
	closing    sync.Once
}

// Mount shows a journal of the kind mount at a directory, which
// fusefs.PreparePoint has returned. What a crash has left must have been dealt with
// (state.Journal.Recover). The file system serves when Mount returns; ctx is for
// the beginning alone. Errors wrap fusefs.ErrMountPoint or come from the
// journal.
func Mount(ctx context.Context, point string, j *state.Journal, store *staging.Store, c contents.Container, o Options) (*FS, error) {
	s := newFS(context.WithoutCancel(ctx), j, store, c, o)
	var err error
	if s.mount, err = fusefs.Serve(s, point, s.mountOptions(), o.Log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.work(s.settling, s.reaping, s.evicting, s.counting, s.dropping)
	return s, nil
}

func newFS(ctx context.Context, j *state.Journal, store *staging.Store, c contents.Container, o Options) *FS {
	ctx, stop := context.WithCancel(ctx)
	s := &FS{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		journal:       j, staging: store, options: o, log: o.Log, ctx: ctx, stop: stop,
		names:    inodes.NewNames(),
		handles:  newHandles[*contents.Handle](),
		listings: newHandles[*listing](), directories: &directories{open: map[state.Ino]int{}},
	}
	s.nodes = inodes.NewCache(j, func(u state.Unread) error { return s.partial.Read(ctx, u) })
	s.partial = adopted.New(ctx, adopted.Options{Journal: j, Nodes: s.nodes, Source: o.Adopter, Most: o.MostAdopted,
		Open: s.directories.has, InUse: s.inUse, Evict: s.evictName})
	s.reaper = reclaim.NewReaper(j, store, s.inUse)
	s.files = contents.NewTable(ctx, contents.Options{Journal: j, Staging: store, Container: c, Nodes: s.nodes, Log: o.Log,
		MaxFileSize: o.MaxFileSize, Memory: o.Memory, Unused: s.reaper.Unused})
	s.room = reclaim.NewRoom(store, o.StagingLimit, o.StagingReserve, o.Log)
	s.evictor = reclaim.NewEvictor(reclaim.EvictorOptions{Journal: j, Staging: store, Room: s.room, Reaper: s.reaper, Files: s.files, Nodes: s.nodes, Log: o.Log})
	return s
}

func (s *FS) mountOptions() *fuse.MountOptions {
	o := fusefs.MountOptions(s.options.Source, s.options.AllowOther, s.log)
	o.ExplicitDataCacheControl = true // nobody changes contents behind the kernel's back
	o.ExtraCapabilities = fuse.CAP_ATOMIC_O_TRUNC
	if os.Geteuid() == 0 {
		o.DirectMountStrict, o.DirectMountFlags = true, unix.MS_NOSUID|unix.MS_NODEV
	}
	return &o
}

// String is the name of the file system.
func (s *FS) String() string { return fusefs.FileSystemName }

// Access is never asked: the kernel checks permissions.
func (s *FS) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.ENOSYS }

// Ioctl answers fusefs.HasCache.
func (s *FS) Ioctl(_ <-chan struct{}, in *fuse.IoctlIn, _ []byte, out *fuse.IoctlOut, _ []byte) fuse.Status {
	result, errno := fusefs.AnswerCacheQuery(in.Cmd, s.options.Cached)
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
		// What has no name nobody takes for whole.
		if !h.IsCutOff() || s.reaper.IsOrphan(h.Ino) {
			s.closed(h)
		}
	}
	s.endUnended()
	err := s.reaper.Reap(s.ctx)
	s.stop()
	s.loops.Wait()
	return errors.Join(err, s.files.Close())
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

// inUse reports whether a node has handles. The journal keeps the row of such a
// one when its last name is removed.
func (s *FS) inUse(ino state.Ino) bool { return s.files.Find(ino) != nil || s.directories.has(ino) }

// evictName asks the kernel to forget a name that nobody uses.
func (s *FS) evictName(dir state.Ino, name string) {
	if s.isAttached() {
		s.mount.Forget(uint64(dir), name)
	}
}

// Forget is told by the kernel that it does not know an inode any longer.
func (s *FS) Forget(node, lookups uint64) { s.partial.Forget(state.Ino(node), lookups) }
