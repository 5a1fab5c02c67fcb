package fusefs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/rescue"
)

// FileSystemName stands behind "fuse." in the type of our mounts.
const FileSystemName = "clfsload"

// ErrMountPoint says that a directory cannot be mounted on.
var ErrMountPoint = errors.New("cannot mount")

// A Mount is a file system that serves.
type Mount struct {
	server *fuse.Server
	point  string
	device uint64 // as stat tells it
	log    *slog.Logger
	done   chan struct{} // closed when the kernel has let go
}

// Serve mounts a file system and serves it. It works when Serve returns. The
// error wraps [ErrMountPoint] when the mount failed.
func Serve(raw fuse.RawFileSystem, point string, o *fuse.MountOptions, log *slog.Logger) (*Mount, error) {
	server, err := fuse.NewServer(raw, point, o)
	if err != nil {
		if os.Geteuid() != 0 { // the error knows the exit code alone
			err = errors.New("fusermount3 has said why")
		}
		return nil, fmt.Errorf("mount on %s: %w: %w", point, ErrMountPoint, err)
	}
	m := &Mount{server: server, point: point, log: log, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		return m, err
	}
	var st unix.Stat_t
	if err := unix.Lstat(point, &st); err != nil {
		return nil, errors.Join(fmt.Errorf("mount on %s: %w", point, err), m.Unmount(true))
	}
	m.device = st.Dev
	readAhead(m.device)
	return m, nil
}

// readAhead has the kernel read as far ahead of a program as we ask it to in [MountOptions]: by itself it
// keeps to 128 KiB, and each request costs the same whatever its length. Only root may change that.
func readAhead(device uint64) {
	path := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(device), unix.Minor(device))
	_ = os.WriteFile(path, []byte(strconv.Itoa(longestRead>>10)), 0)
}

// longestRead is how many bytes a request reads or writes at most.
const longestRead = 1 << 20

// MountOptions are those that all our mounts have.
func MountOptions(source string, allowOther bool, log *slog.Logger) fuse.MountOptions {
	return fuse.MountOptions{
		AllowOther: allowOther, FsName: source, Name: FileSystemName,
		Options: []string{"default_permissions"}, EnableSymlinkCaching: true,
		MaxBackground: 64, MaxWrite: longestRead, MaxReadAhead: longestRead,
		Logger:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		PanicHandler: func(v any) fuse.Status { return panicked(log, v) },
	}
}

// panicked ends a request that has panicked with EIO. All others go on.
func panicked(log *slog.Logger, v any) fuse.Status {
	p := rescue.Of(v)
	log.Error("a request to the mount failed", "error", p, "stack", string(p.Stack))
	return fuse.EIO
}

// Done is closed when the file system is unmounted, by us or by somebody else.
func (m *Mount) Done() <-chan struct{} { return m.done }

// Removed makes the kernel forget what it remembers of a name that no system call has
// removed, and of the attributes that this changes. It must not be called from within a
// request of the kernel. What the kernel does not remember is no error.
func (m *Mount) Removed(dir uint64, name string, node uint64) {
	_ = m.server.EntryNotify(dir, name)
	for _, changed := range []uint64{dir, node} {
		_ = m.server.InodeNotify(changed, -1, 0) // attributes alone
	}
}

// Forget makes the kernel forget a name that nobody uses. It must not be called from within a
// request of the kernel. What the kernel does not remember is no error.
func (m *Mount) Forget(dir uint64, name string) { _ = m.server.EntryNotify(dir, name) }

// patience is how long files may stay open after an unmount was asked for.
const patience = 10 * time.Second

// Unmount takes the file system away. When it is in use, nothing happens and
// the error wraps EBUSY, unless force is set: then it disappears from the directory
// tree at once, and whoever has a file open may use that for some seconds more.
func (m *Mount) Unmount(force bool) error {
	err := m.unmount()
	if err == nil {
		return nil
	}
	select {
	case <-m.done: // somebody else was faster
		return nil
	default:
	}
	if !force {
		if !errors.Is(err, unix.EBUSY) { // that of fusermount3
			text, _, _ := strings.Cut(err.Error(), "\n")
			err = fmt.Errorf("%w: %s", unix.EBUSY, text)
		}
		return fmt.Errorf("unmount %s: %w", m.point, err)
	}
	m.log.Warn("the mount point is in use; it is detached, open files can be used for a while", "mountpoint", m.point, "seconds", patience.Seconds())
	if err := Detach(m.point); err != nil {
		return fmt.Errorf("unmount %s: %w", m.point, err)
	}
	select {
	case <-m.done:
	case <-time.After(patience):
		m.log.Warn("files were still open at the end", "mountpoint", m.point)
	}
	return nil
}

// unmount takes the file system away unless it is in use, and waits until the kernel
// has let go of it. A mount namespace that was made meanwhile, as containers have one,
// may hold a copy of the mount for ever: that one goes with the process.
func (m *Mount) unmount() error {
	ended := make(chan error, 1)
	go func() { ended <- m.server.Unmount() }()
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
		}
		if !m.isThere() {
			m.log.Warn("the mount is gone here, but not in another mount namespace", "mountpoint", m.point)
			return nil
		}
	}
}

// isThere reports whether the mount point is the root of the file system.
func (m *Mount) isThere() bool {
	var st unix.Stat_t
	return unix.Lstat(m.point, &st) == nil && st.Dev == m.device
}
