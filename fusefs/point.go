package fusefs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"clfsload/fusefs/internal/attach"
)

// ErrMountPoint says that a directory cannot be mounted on.
var ErrMountPoint = attach.ErrMountPoint

// PointOptions say what PreparePoint lets pass.
type PointOptions struct {
	AllowOther    bool // other users are to use the mount
	AllowNonEmpty bool // the mount may hide what is in the directory
}

// PreparePoint returns the absolute path of a directory that is free to mount on.
// A mount of ours that has lost its process is cleared away first. The error
// wraps [ErrMountPoint], also where the user may not mount at all, or not for others.
func PreparePoint(path string, o PointOptions, log *slog.Logger) (string, error) {
	if err := attach.MayMount(o.AllowOther); err != nil {
		return "", err
	}
	point, err := realPath(path)
	if err != nil {
		return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
	}
	for {
		m, mounted, err := mountAt(point)
		if err != nil {
			return "", fmt.Errorf("%w on %s: %w", ErrMountPoint, path, err)
		}
		if !mounted {
			break
		}
		if m.kind != "fuse."+attach.FileSystemName || !isDead(point) {
			return "", fmt.Errorf("%w on %s: %s of type %s is mounted there", ErrMountPoint, path, m.source, m.kind)
		}
		log.Warn("clearing a mount whose process is gone", "mountpoint", point, "source", m.source)
		if err := attach.Detach(point); err != nil {
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
	m, mounted, err := mountAt(point)
	if err != nil || !mounted || m.kind != "fuse."+attach.FileSystemName || !isDead(point) {
		return false, err
	}
	if err := attach.Detach(point); err != nil {
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

// mounted is a line of mountinfo.
type mounted struct{ kind, source string }

// mountAt returns what is mounted at a path, the topmost where there are several.
func mountAt(point string) (m mounted, found bool, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if at, line, ok := parseMount(lines.Text()); ok && at == point {
			m, found = line, true
		}
	}
	return m, found, lines.Err()
}

// parseMount reads a line of mountinfo (see proc(5)):
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (point string, m mounted, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !found || len(left) < 5 || len(right) < 2 {
		return "", m, false
	}
	return unescape(left[4]), mounted{kind: right[0], source: unescape(right[1])}, true
}

// unescape undoes the octal escapes of mountinfo for space, tab, newline and
// backslash.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if c, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
