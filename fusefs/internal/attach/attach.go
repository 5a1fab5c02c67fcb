package attach

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
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

// readAhead has the kernel read as far ahead of a program as we ask it to in [Options]: by itself it
// keeps to 128 KiB, and each request costs the same whatever its length. Only root may change that.
func readAhead(device uint64) {
	path := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(device), unix.Minor(device))
	_ = os.WriteFile(path, []byte(strconv.Itoa(longestRead>>10)), 0)
}

// longestRead is how many bytes a request reads or writes at most.
const longestRead = 1 << 20

// Options are those that all our mounts have.
func Options(source string, allowOther bool, log *slog.Logger) fuse.MountOptions {
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

// MayMount finds out early why no mount will work. The error wraps [ErrMountPoint].
func MayMount(allowOther bool) error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w: no /dev/fuse: load the kernel module with 'modprobe fuse', and give a container the device", ErrMountPoint)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := fusermount(); err != nil {
		return fmt.Errorf("%w: users other than root need the program fusermount3 (package fuse3) to mount", ErrMountPoint)
	}
	if err := unix.Access("/dev/fuse", unix.R_OK|unix.W_OK); err != nil {
		return fmt.Errorf("%w: /dev/fuse: %w: users other than root must be let in to it (mode 0666)", ErrMountPoint, err)
	}
	if allowOther && !mayLetOthersIn() {
		return fmt.Errorf("%w: users other than root may let others in only if %s has the line user_allow_other", ErrMountPoint, fusermountSettings)
	}
	return nil
}

// fusermountSettings is where fusermount3 is told what users may do.
const fusermountSettings = "/etc/fuse.conf"

// mayLetOthersIn reports what fusermount3 will think of allow_other.
func mayLetOthersIn() bool {
	text, err := os.ReadFile(fusermountSettings)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) // it may read what we may not
	}
	for line := range strings.Lines(string(text)) {
		setting, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(setting) == "user_allow_other" {
			return true
		}
	}
	return false
}

// fusermount is the program that mounts for ordinary users.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
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

// Patience is how long files may stay open after an unmount was asked for.
const Patience = 10 * time.Second

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
	m.log.Warn("the mount point is in use; it is detached, open files can be used for a while", "mountpoint", m.point, "seconds", Patience.Seconds())
	if err := Detach(m.point); err != nil {
		return fmt.Errorf("unmount %s: %w", m.point, err)
	}
	select {
	case <-m.done:
	case <-time.After(Patience):
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
		case <-time.After(Patience):
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

// Detach takes a mount out of the directory tree even if it is in use or dead.
func Detach(point string) error {
	if os.Geteuid() == 0 {
		return unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	program, err := fusermount()
	if err != nil {
		return err
	}
	if out, err := exec.Command(program, "-u", "-z", point).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
