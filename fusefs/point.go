package fusefs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// PointOptions say what PreparePoint lets pass.
type PointOptions struct {
	AllowOther    bool // other users are to use the mount
	AllowNonEmpty bool // the mount may hide what is in the directory
}

// PreparePoint returns the absolute path of a directory that is free to mount on.
// A mount of ours that has lost its process is cleared away first. The error
// wraps [ErrMountPoint], also where the user may not mount at all, or not for others.
func PreparePoint(path string, o PointOptions, log *slog.Logger) (string, error) {
	if err := mayMount(o.AllowOther); err != nil {
		return "", err
	}
	point, err := realPath(path)
	if err != nil {
		return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
	}
	for {
		m, err := mountAt(point)
		if err != nil {
			return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
		}
		if m == nil {
			break
		}
		if m.FSType != "fuse."+FileSystemName || !isDead(point) {
			return "", fmt.Errorf("%w on %s: %s of type %s is mounted there", ErrMountPoint, path, m.Source, m.FSType)
		}
		log.Warn("clearing a mount whose process is gone", "mountpoint", point, "source", m.Source)
		if err := Detach(point); err != nil {
			return "", fmt.Errorf("%w on %s: clear the mount that was left there: %w", ErrMountPoint, path, err)
		}
	}
	info, err := os.Stat(point)
	if err != nil {
		return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%w on %s: not a directory", ErrMountPoint, path)
	}
	if o.AllowNonEmpty {
		return point, nil
	}
	if err := checkEmpty(point); err != nil {
		return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
	}
	return point, nil
}

// checkEmpty refuses a directory with entries: a mount would hide them, and take what
// programs go on to write there.
func checkEmpty(dir string) error {
	const otherwise = "use an empty directory, or pass --allow-non-empty"
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("it cannot be seen whether the directory is empty: %w; %s", err, otherwise)
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("it cannot be seen whether the directory is empty: %w; %s", err, otherwise)
	}
	return fmt.Errorf("the directory is not empty, and the mount would hide what is in it (%q, for one); %s", names[0], otherwise)
}

// ClearDead takes a mount of ours away from a directory whose process is gone. It
// reports false when there is none.
func ClearDead(point string) (cleared bool, err error) {
	m, err := mountAt(point)
	if err != nil || m == nil || m.FSType != "fuse."+FileSystemName || !isDead(point) {
		return false, err
	}
	if err := Detach(point); err != nil {
		return false, fmt.Errorf("clear the mount that was left on %s: %w", point, err)
	}
	return true, nil
}

// realPath resolves symbolic links. The last component may be a dead mount,
// which answers no question.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, unix.ENOTCONN) {
		return real, err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// isDead reports whether the process behind a FUSE mount is gone. Attributes would
// come from the kernel's memory; statfs asks the process.
func isDead(point string) bool {
	var st unix.Statfs_t
	return errors.Is(unix.Statfs(point, &st), unix.ENOTCONN)
}

// mountAt returns what is mounted at a path, the topmost where there are several; nil: nothing.
func mountAt(point string) (*mountinfo.Info, error) {
	table, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != point, false })
	if err != nil || len(table) == 0 {
		return nil, err
	}
	return table[len(table)-1], nil
}
