package write

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
)

// mostLinks and longestTarget are what an inode of CLFS can hold.
const (
	mostLinks     = 1023
	longestTarget = 1023
)

func TestAFileHas1023LinksAndNoMore(t *testing.T) {
	i := mounted.NewIntake(t)
	d := i.Directory("links")
	harness.WriteFile(t, filepath.Join(d, "0"), "x")
	for n := 1; n < mostLinks; n++ {
		harness.Must(t, os.Link(filepath.Join(d, "0"), filepath.Join(d, fmt.Sprint(n))))
	}
	if err := os.Link(filepath.Join(d, "0"), i.Path("one-more")); !errors.Is(err, unix.EMLINK) {
		t.Errorf("link %d: %v", mostLinks+1, err)
	}
	harness.Must(t, os.Remove(filepath.Join(d, "7")))
	harness.Must(t, os.Link(filepath.Join(d, "0"), i.Path("one-more")))
	var st unix.Stat_t
	if err := unix.Lstat(i.Path("one-more"), &st); err != nil || st.Nlink != mostLinks {
		t.Errorf("%d links, %v", st.Nlink, err)
	}
	i.Flush()
	i.Publish()
	i.MustBePublished()
}

// TestWhatCLFSCannotHoldIsRefused at the call, and with the errno that programs know.
func TestWhatCLFSCannotHoldIsRefused(t *testing.T) {
	i := mounted.NewIntake(t)
	file, d := i.Path("file"), i.Directory("directory")
	harness.WriteFile(t, file, "x")
	harness.WriteFile(t, filepath.Join(d, "inside"), "x")
	harness.Must(t, os.Symlink(strings.Repeat("t", longestTarget), i.Path("longest")))
	long := strings.Repeat("n", 256)
	for what, c := range map[string]struct {
		call func() error
		want error
	}{
		"a symbolic link that is too long": {func() error { return os.Symlink(strings.Repeat("t", longestTarget+1), i.Path("longer")) }, unix.ENAMETOOLONG},
		"a name that is too long":          {func() error { return os.WriteFile(i.Path(long), nil, 0o644) }, unix.ENAMETOOLONG},
		"a directory of such a name":       {func() error { return os.Mkdir(i.Path(long), 0o755) }, unix.ENAMETOOLONG},
		"a rename to such a name":          {func() error { return os.Rename(file, i.Path(long)) }, unix.ENAMETOOLONG},
		"setxattr":                         {func() error { return unix.Setxattr(file, "user.x", []byte("x"), 0) }, unix.EOPNOTSUPP},
		"setxattr of an ACL":               {func() error { return unix.Setxattr(file, "system.posix_acl_access", []byte{2, 0, 0, 0}, 0) }, unix.EOPNOTSUPP},
		"setxattr of a capability": {func() error {
			return unix.Setxattr(file, "security.capability", append([]byte{0, 0, 0, 2}, make([]byte, 16)...), 0)
		}, unix.EOPNOTSUPP},
		"link to a directory":             {func() error { return os.Link(d, i.Path("hard")) }, unix.EPERM},
		"link over a name":                {func() error { return os.Link(file, i.Path("longest")) }, unix.EEXIST},
		"rename with NOREPLACE":           {func() error { return harness.Rename(file, i.Path("longest"), unix.RENAME_NOREPLACE) }, unix.EEXIST},
		"rename with EXCHANGE":            {func() error { return harness.Rename(file, i.Path("nothing"), unix.RENAME_EXCHANGE) }, unix.ENOENT},
		"rename below itself":             {func() error { return os.Rename(d, filepath.Join(d, "below")) }, unix.EINVAL},
		"rename over what is not empty":   {func() error { return harness.Rename(i.Directory("other"), d, 0) }, unix.ENOTEMPTY},
		"rename with WHITEOUT":            {func() error { return harness.Rename(file, i.Path("moved"), unix.RENAME_WHITEOUT) }, unix.EINVAL},
		"rmdir of what is not empty":      {func() error { return unix.Rmdir(d) }, unix.ENOTEMPTY},
		"unlink of a directory":           {func() error { return unix.Unlink(d) }, unix.EISDIR},
		"rmdir of a file":                 {func() error { return unix.Rmdir(file) }, unix.ENOTDIR},
		"create with O_EXCL":              {func() error { return openFile(file, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY) }, unix.EEXIST},
		"open of a directory for writing": {func() error { return openFile(d, unix.O_WRONLY) }, unix.EISDIR},
		"open of what is not there":       {func() error { return openFile(i.Path("nothing"), unix.O_RDONLY) }, unix.ENOENT},
		"a directory in a file":           {func() error { return os.Mkdir(filepath.Join(file, "x"), 0o755) }, unix.ENOTDIR},
		"truncate of a directory":         {func() error { return os.Truncate(d, 0) }, unix.EISDIR},
		"rmdir of the mount":              {func() error { return unix.Rmdir(i.Point) }, unix.EBUSY},
	} {
		if err := c.call(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
	}
	if n, err := unix.Listxattr(file, make([]byte, 100)); n > 0 || err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("listxattr: %d bytes, %v", n, err)
	}
	for _, name := range []string{"user.x", "system.posix_acl_access", "security.capability"} {
		if _, err := unix.Getxattr(file, name, make([]byte, 100)); !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODATA) {
			t.Errorf("getxattr %s: %v", name, err)
		}
	}
}

func openFile(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// Programs that copy everything go on without what cannot be kept.
func TestCopiesGoOnWithoutExtendedAttributes(t *testing.T) {
	source := t.TempDir()
	for _, name := range []string{"attribute", "list", "nothing"} {
		harness.WriteFile(t, filepath.Join(source, name), "contents")
	}
	harness.RunTool(t, "setfattr", "-n", "user.note", "-v", "something", filepath.Join(source, "attribute"))
	i := mounted.NewIntake(t)
	harness.RunTool(t, "cp", "-a", source, i.Path("cp -a"))
	harness.RunTool(t, "setfacl", "-m", "u:12345:r", filepath.Join(source, "list"))
	// Both tell by their exit code what they could not keep.
	copied, _ := exec.Command("cp", "-a", source, i.Path("cp")).CombinedOutput()
	synced, _ := harness.Rsync("-aHAX", source+"/", i.Path("rsync"))
	for _, file := range []string{"cp -a/attribute", "cp/list", "cp/nothing", "rsync/attribute", "rsync/list", "rsync/nothing"} {
		if got, err := os.ReadFile(i.Path(file)); err != nil || string(got) != "contents" {
			t.Errorf("%s: %q, %v; cp said %s, rsync %s", file, got, err, copied, synced)
		}
	}
}

func TestLocksShutOthersOut(t *testing.T) {
	i := mounted.NewIntake(t)
	harness.WriteFile(t, i.Path("file"), "x")
	lock := func() (int, error) {
		fd, err := unix.Open(i.Path("file"), unix.O_RDWR|unix.O_CLOEXEC, 0)
		harness.Must(t, err)
		whole := unix.Flock_t{Type: unix.F_WRLCK}
		return fd, unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole)
	}
	first, err := lock()
	harness.Must(t, err)
	second, err := lock()
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a second lock: %v", err)
	}
	if err := errors.Join(unix.Close(second), unix.Close(first)); err != nil {
		t.Error(err)
	}
	third, err := lock()
	if err != nil {
		t.Errorf("after the first is gone: %v", err)
	}
	unix.Close(third)
}

// Contents stay sparse where they wait, and the holes can be asked for.
func TestHolesStayHolesInStaging(t *testing.T) {
	i := mounted.NewIntake(t)
	const size = 1 << 32
	f, err := os.Create(i.Path("sparse"))
	harness.Must(t, err)
	defer f.Close()
	harness.Must(t, f.Truncate(size))
	_, err = f.WriteAt(bytes.Repeat([]byte("x"), 4096), size/2)
	harness.Must(t, err)
	harness.Must(t, f.Sync())
	var st unix.Stat_t
	harness.Must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Size != size || st.Blocks*512 > 1<<20 {
		t.Errorf("size %d, %d bytes on the disk", st.Size, st.Blocks*512)
	}
	if used := diskUse(t, i.State); used > 50<<20 {
		t.Errorf("the state takes %d bytes", used)
	}
	data, err := f.Seek(0, unix.SEEK_DATA)
	if err != nil || data > size/2 || data < size/2-clfs.SegmentBytes {
		t.Errorf("data begin at %d, %v", data, err)
	}
	hole, err := f.Seek(size/2, unix.SEEK_HOLE)
	if err != nil || hole < size/2+4096 || hole > size/2+clfs.SegmentBytes {
		t.Errorf("they end at %d, %v", hole, err)
	}
	harness.Must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, size/2, 4096))
	if data, err := f.Seek(0, unix.SEEK_DATA); !errors.Is(err, unix.ENXIO) {
		t.Errorf("after the hole is punched there are data at %d, %v", data, err)
	}
}

// diskUse is what files below a directory take on the disk.
func diskUse(t *testing.T, directory string) (bytes int64) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(directory, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if errors.Is(err, unix.ENOENT) {
			return nil // the journal's files come and go
		}
		bytes += st.Blocks * 512
		return err
	}))
	return bytes
}

func TestStatfsOfAWritableMountHasRealNumbers(t *testing.T) {
	i := mounted.NewIntake(t)
	var before, after, disk unix.Statfs_t
	harness.Must(t, unix.Statfs(i.Point, &before))
	harness.Must(t, unix.Statfs(i.State, &disk))
	if free := before.Bavail * uint64(before.Bsize); free == 0 || free > disk.Bavail*uint64(disk.Bsize) || before.Namelen != 255 {
		t.Errorf("statfs says %+v; the disk of the state: %+v", before, disk)
	}
	for n := range 10 {
		harness.WriteFile(t, i.Path(fmt.Sprint(n)), "x")
	}
	harness.Must(t, unix.Statfs(i.Point, &after))
	if used := (after.Files - after.Ffree) - (before.Files - before.Ffree); used != 10 {
		t.Errorf("10 files more count as %d", used)
	}
}
