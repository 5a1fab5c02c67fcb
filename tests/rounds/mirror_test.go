package rounds

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// mirror is a copy of a mount, to which the same random changes are made.
type mirror struct {
	t      *testing.T
	random *rand.Rand
	copied string
	mount  string // "": there is none, and the copy alone is changed
	place  string // of the container's tree, of which it is a copy; "": all of it
	names  int    // that were made up
	now    int64  // s; the time of the last change
	log    []string
}

// newMirror copies what is in a mount.
func newMirror(t *testing.T, mount string, random *rand.Rand) *mirror {
	t.Helper()
	m := &mirror{t: t, random: random, copied: filepath.Join(t.TempDir(), "mirror"), mount: mount, now: 1_600_000_000}
	harness.RunTool(t, "rsync", "-aH", harness.ExactTimes, mount+"/", m.copied+"/")
	return m
}

// paths lists what is in the copy, of a type or of any.
func (m *mirror) paths(fits func(fs.DirEntry) bool) (paths []string) {
	m.t.Helper()
	harness.Must(m.t, filepath.WalkDir(m.copied, func(path string, d fs.DirEntry, err error) error {
		if err == nil && fits(d) {
			paths = append(paths, strings.TrimPrefix(strings.TrimPrefix(path, m.copied), "/"))
		}
		return err
	}))
	return paths
}

func isFile(d fs.DirEntry) bool        { return d.Type().IsRegular() }
func isDirectory(d fs.DirEntry) bool   { return d.IsDir() }
func isNoDirectory(d fs.DirEntry) bool { return !d.IsDir() }
func anyEntry(fs.DirEntry) bool        { return true }

// some is one of the paths that fit.
func (m *mirror) some(fits func(fs.DirEntry) bool) string {
	paths := m.paths(fits)
	return paths[m.random.IntN(len(paths))]
}

// fresh is a path that nobody has, in a directory.
func (m *mirror) fresh() string {
	m.names++
	return filepath.Join(m.some(isDirectory), fmt.Sprint("made up ", m.names))
}

// edit makes so many changes.
func (m *mirror) edit(changes int) {
	m.t.Helper()
	deeds := []func(){m.write, m.write, m.write, m.truncate, m.create, m.create, m.rename, m.rename, m.replace, m.link, m.unlink, m.unlink,
		m.mkdir, m.moveDirectory, m.removeDirectory, m.chmod, m.chown, m.utimes, m.rewrite, m.symlink, m.node, m.retype}
	for range changes {
		if m.random.IntN(40) == 0 {
			m.long()
			continue
		}
		deeds[m.random.IntN(len(deeds))]()
	}
}

// do makes a change of names on both sides, which must end alike. The parents of the paths get a
// time of their own, and the first path, if it is there.
func (m *mirror) do(what string, change func(root string) error, paths ...string) {
	m.t.Helper()
	m.change(what, change, append([]string{paths[0]}, parentsOf(paths)...), paths...)
}

// alter makes a change of what is at a path, which gets a time of its own.
func (m *mirror) alter(what string, change func(root string) error, path string) {
	m.t.Helper()
	m.change(what, change, []string{path}, path)
}

// change makes a change on both sides, and gives the paths pinned a time of their own.
func (m *mirror) change(what string, change func(root string) error, pinned []string, paths ...string) {
	m.t.Helper()
	m.log = append(m.log, fmt.Sprintf("%s %q", what, paths))
	m.now++
	var errnos [2]unix.Errno
	for i, root := range []string{m.copied, m.mount} {
		if root == "" {
			return
		}
		if err := change(root); err != nil && !errors.As(err, &errnos[i]) {
			m.t.Fatalf("%s %q: %v", what, paths, err)
		}
		for _, path := range pinned {
			m.pin(filepath.Join(root, path))
		}
	}
	if errnos[0] != errnos[1] {
		m.t.Fatalf("%s %q: %v, and not %v as in a copy\n%s", what, paths, errnos[1], errnos[0], strings.Join(m.log, "\n"))
	}
}

func parentsOf(paths []string) (parents []string) {
	for _, path := range paths {
		parents = append(parents, filepath.Dir(path))
	}
	return parents
}

// pin sets the mtime of what is there.
func (m *mirror) pin(path string) {
	times := []unix.Timespec{{Sec: m.now}, {Sec: m.now, Nsec: 1000}}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		m.t.Fatalf("set times of %q: %v", path, err)
	}
}

func (m *mirror) write() {
	path, text := m.some(isFile), m.text()
	info, err := os.Stat(filepath.Join(m.copied, path))
	harness.Must(m.t, err)
	at := info.Size()
	if m.random.IntN(3) > 0 {
		at = m.random.Int64N(info.Size() + 5000)
	}
	m.alter(fmt.Sprint("write at ", at), func(root string) error { return harness.WriteBytes(filepath.Join(root, path), os.O_WRONLY, text, at) }, path)
}

func (m *mirror) create() {
	path, text := m.fresh(), m.text()
	m.do("create", func(root string) error {
		return harness.WriteBytes(filepath.Join(root, path), os.O_WRONLY|os.O_CREATE, text, 0)
	}, path)
}

func (m *mirror) text() []byte {
	text := make([]byte, 1+m.random.IntN(30_000))
	for i := range text {
		text[i] = byte(m.random.IntN(7)) + 'a'
	}
	return text
}

func (m *mirror) truncate() {
	path := m.some(isFile)
	info, err := os.Stat(filepath.Join(m.copied, path))
	harness.Must(m.t, err)
	size := m.random.Int64N(info.Size() + clfs.SegmentBytes/4)
	m.alter(fmt.Sprint("truncate to ", size), func(root string) error { return os.Truncate(filepath.Join(root, path), size) }, path)
}

func (m *mirror) rename() { m.move(m.some(isNoDirectory), m.fresh()) }

func (m *mirror) move(from, to string) {
	m.do("rename", func(root string) error { return unix.Rename(filepath.Join(root, from), filepath.Join(root, to)) }, to, from)
}

// replace renames one thing over another.
func (m *mirror) replace() { m.move(m.some(isNoDirectory), m.some(isNoDirectory)) }

// moveDirectory may try to move one below itself.
func (m *mirror) moveDirectory() {
	if from := m.some(isDirectory); from != "" {
		m.move(from, m.fresh())
	}
}

func (m *mirror) link() {
	from, to := m.some(isFile), m.fresh()
	m.do("link", func(root string) error { return unix.Link(filepath.Join(root, from), filepath.Join(root, to)) }, to, from)
}

func (m *mirror) unlink() {
	path := m.some(isNoDirectory)
	m.do("unlink", func(root string) error { return unix.Unlink(filepath.Join(root, path)) }, path)
}

func (m *mirror) mkdir() {
	path := m.fresh()
	m.do("mkdir", func(root string) error { return unix.Mkdir(filepath.Join(root, path), 0o755) }, path)
}

// removeDirectory removes a directory that has no directories, with all its entries.
func (m *mirror) removeDirectory() {
	path := m.some(isDirectory)
	entries, err := os.ReadDir(filepath.Join(m.copied, path))
	harness.Must(m.t, err)
	for _, e := range entries {
		if e.IsDir() || path == "" {
			return
		}
	}
	m.do("remove directory", func(root string) error { return os.RemoveAll(filepath.Join(root, path)) }, path)
}

func (m *mirror) chmod() {
	path, mode := m.some(anyEntry), m.random.Uint32N(0o1000)
	if info, err := os.Lstat(filepath.Join(m.copied, path)); err != nil || info.Mode().Type() == fs.ModeSymlink {
		return
	}
	m.alter("chmod", func(root string) error { return unix.Chmod(filepath.Join(root, path), mode) }, path)
}

func (m *mirror) chown() {
	path, uid, gid := m.some(anyEntry), m.random.IntN(70_000), m.random.IntN(70_000)
	m.alter("chown", func(root string) error { return unix.Lchown(filepath.Join(root, path), uid, gid) }, path)
}

// utimes changes nothing but the time.
func (m *mirror) utimes() {
	m.alter("utimes", func(string) error { return nil }, m.some(anyEntry))
}

// rewrite changes a file that keeps its size.
func (m *mirror) rewrite() {
	path, text := m.some(isFile), m.text()
	info, err := os.Stat(filepath.Join(m.copied, path))
	harness.Must(m.t, err)
	at := m.random.Int64N(info.Size() + 1)
	text = text[:min(int64(len(text)), info.Size()-at)]
	m.alter(fmt.Sprint("rewrite at ", at), func(root string) error { return harness.WriteBytes(filepath.Join(root, path), os.O_WRONLY, text, at) }, path)
}

func (m *mirror) symlink() {
	path := m.fresh()
	m.do("symlink", func(root string) error { return unix.Symlink(m.copied, filepath.Join(root, path)) }, path)
}

// node makes a special file.
func (m *mirror) node() {
	path, device := m.fresh(), m.random.IntN(1000)
	mode := []uint32{unix.S_IFIFO, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFSOCK}[m.random.IntN(4)] | 0o640
	m.do("mknod", func(root string) error { return unix.Mknod(filepath.Join(root, path), mode, device) }, path)
}

// retype puts something of another type in the place of what is there, with all below it.
func (m *mirror) retype() {
	path := m.some(anyEntry)
	if path == "" {
		return
	}
	make := []func(string) error{
		func(path string) error { return unix.Mkdir(path, 0o750) },
		func(path string) error {
			return harness.WriteBytes(path, os.O_WRONLY|os.O_CREATE, []byte("of another type"), 0)
		},
		func(path string) error { return unix.Symlink("another type", path) },
		func(path string) error { return unix.Mkfifo(path, 0o600) },
	}[m.random.IntN(4)]
	m.do("retype", func(root string) error {
		return errors.Join(os.RemoveAll(filepath.Join(root, path)), make(filepath.Join(root, path)))
	}, path)
}

// long makes a file of several segments, with a hole.
func (m *mirror) long() {
	path, text, at := m.fresh(), bytes.Repeat(m.text(), 1+m.random.IntN(200)), m.random.Int64N(2*clfs.SegmentBytes)
	m.do(fmt.Sprint("create from ", at), func(root string) error {
		return harness.WriteBytes(filepath.Join(root, path), os.O_WRONLY|os.O_CREATE, text, at)
	}, path)
}

// within is a path of the container's tree as one of the copy.
func (m *mirror) within(path string) (below string, found bool) {
	if m.place == "" {
		return path, true
	}
	if path == m.place {
		return ".", true
	}
	return strings.CutPrefix(path, m.place+"/")
}

// mustBeLike compares the copy with the mount's tree, but for what is in other directories.
func (m *mirror) mustBeLike(tree inventory.Tree, others string) {
	m.t.Helper()
	want, got := trees.List(m.t, m.copied), inventory.Tree{}
	for path, e := range tree {
		if below, found := m.within(path); found && !strings.HasPrefix(path, others) {
			e.Path = below
			e.Group, _ = m.within(e.Group)
			got[below] = e
		}
	}
	delete(want, ".")
	delete(got, ".")
	differences := inventory.Compare(want, got, trees.AsCopied)
	trees.ReportLines(m.t, "the mount differs from a copy with the same changes", differences)
	if len(differences) > 0 {
		m.t.Fatalf("the changes were\n%s", strings.Join(m.log, "\n"))
	}
}
