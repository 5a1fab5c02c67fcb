package fusefs

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// fileSystemName stands behind "fuse." in the type of our mounts.
const fileSystemName = "clfsload"

// A Mount is a file system that serves.
type Mount struct {
	server *fuse.Server
	point  string
	stop   context.CancelFunc
	done   chan struct{} // closed when the kernel has let go
	log    *slog.Logger
}

// MountReadOnly shows a container at a directory, which [PreparePoint] has
// returned. The file system serves when MountReadOnly returns; ctx is for the
// beginning alone. Errors wrap [ErrMountPoint] or come from the container.
func MountReadOnly(ctx context.Context, point string, c Container, o Options) (*Mount, error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Mount{point: point, stop: stop, done: make(chan struct{}), log: o.Log}
	if err := m.start(ctx, newReadOnly(serving, c, o)); err != nil {
		stop()
		return nil, err
	}
	return m, nil
}

func (m *Mount) start(ctx context.Context, r *readOnly) error {
	root, err := r.node(ctx, clfs.RootID)
	if err != nil {
		return err
	}
	if t := root.Inode().Attr.Type; t != clfs.TypeDirectory {
		return fmt.Errorf("root object %s is a %s, not a directory", clfs.RootID, t)
	}
	if err := mayMount(); err != nil {
		return err
	}
	options := fuseOptions(r.options)
	m.server, err = fuse.NewServer(fs.NewNodeFS(r.newInode(clfs.RootID, root, place{}), options), m.point, &options.MountOptions)
	if err != nil {
		return fmt.Errorf("mount on %s: %w: %w", m.point, ErrMountPoint, err)
	}
	go func() {
		defer close(m.done)
		m.server.Serve()
	}()
	return m.server.WaitMount()
}

// fuseOptions are those of a read-only mount.
func fuseOptions(o Options) *fs.Options {
	long := forever * time.Second
	root := identity(clfs.RootID, unix.S_IFDIR)
	out := &fs.Options{
		EntryTimeout: &long, AttrTimeout: &long, NegativeTimeout: &long,
		NullPermissions: true, RootStableAttr: &root,
		MountOptions: fuse.MountOptions{
			AllowOther: o.AllowOther, FsName: o.Source, Name: fileSystemName,
			Options: []string{"default_permissions"}, DisableXAttrs: true, DisableReadDirPlus: true, EnableSymlinkCaching: true,
			MaxBackground: 64, MaxWrite: 1 << 20, MaxReadAhead: 1 << 20,
			Logger: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		},
	}
	if os.Geteuid() == 0 {
		out.DirectMountStrict, out.DirectMountFlags = true, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV
	} else {
		out.Options = append(out.Options, "ro")
	}
	return out
}

// mayMount finds out early why no mount will work.
func mayMount() error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("%w: no /dev/fuse: load the kernel module with 'modprobe fuse', and give a container the device", ErrMountPoint)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := fusermount(); err != nil {
		return fmt.Errorf("%w: users other than root need the program fusermount3 (package fuse3) to mount", ErrMountPoint)
	}
	return nil
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

// patience is how long files may stay open after an unmount was asked for.
const patience = 10 * time.Second

// Unmount takes the file system away. Where it is in use it disappears from the
// directory tree at once, and whoever has a file open may use that for some
// seconds more.
func (m *Mount) Unmount() error {
	defer m.stop()
	err := m.server.Unmount()
	if err == nil {
		return nil
	}
	select {
	case <-m.done: // somebody else was faster
		return nil
	default:
	}
	m.log.Warn("the mount point is in use; it is detached, open files can be read for a while", "mountpoint", m.point, "seconds", patience.Seconds())
	if err := detach(m.point); err != nil {
		return fmt.Errorf("unmount %s: %w", m.point, err)
	}
	select {
	case <-m.done:
	case <-time.After(patience):
		m.log.Warn("files were still open at the end", "mountpoint", m.point)
	}
	return nil
}

// detach takes a mount out of the directory tree even if it is in use or dead.
func detach(point string) error {
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
