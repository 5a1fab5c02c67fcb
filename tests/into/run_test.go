package into

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// into is a container with a tree, a copy of that tree, and a SOURCE to load into the container.
// What rsync makes of the copy is what the load must make of the container.
type into struct {
	t      *testing.T
	path   string // of the directory that SOURCE becomes
	source string
	copied string
	blobs  string // the directory of the container
	state  string // of the next load; does not exist yet
}

// newInto makes the container from a tree, which becomes the copy.
func newInto(t *testing.T, tree, source, path string, flags ...string) *into {
	t.Helper()
	directory := t.TempDir()
	n := &into{t, path, source, tree, filepath.Join(directory, "container"), filepath.Join(directory, "state")}
	base := harness.Transfer{State: filepath.Join(directory, "base"), Source: tree, Blobs: n.blobs}
	harness.Clfsload(t, base.Begin(append(flags, "--preserve-hardlinks")...)...).MustExit(harness.ExitOK)
	return n
}

// command is the command line of the load; flags may hold --new.
func (n *into) command(flags ...string) []string {
	return append([]string{"load", "--into", n.path, n.state, n.source, "dir:" + n.blobs}, flags...)
}

// load begins with a new STATE.
func (n *into) load(flags ...string) harness.Result {
	n.t.Helper()
	return harness.Clfsload(n.t, n.command(append(flags, "--new")...)...)
}

func (n *into) again(flags ...string) harness.Result {
	n.t.Helper()
	return harness.Clfsload(n.t, n.command(flags...)...)
}

// destination is what PATH is in the copy.
func (n *into) destination() string { return filepath.Join(n.copied, n.path) }

// rsync brings SOURCE into the copy.
func (n *into) rsync(flags ...string) string {
	n.t.Helper()
	arguments := append([]string{"-a", harness.ExactTimes, "--mkpath"}, flags...)
	return harness.RunTool(n.t, "rsync", append(arguments, n.source+"/", n.destination()+"/")...)
}

func (n *into) inventory() inventory.Blobs {
	n.t.Helper()
	return trees.Lived(trees.DirectoryBlobs(n.t, n.blobs))
}

// mustBeAsCopied compares the container with the copy, but for the times of the directories that
// SOURCE does not have: they are when they were changed.
func (n *into) mustBeAsCopied(scope inventory.Scope) inventory.Contents {
	n.t.Helper()
	contents := trees.ReadContainer(n.t, n.inventory())
	trees.ReportLines(n.t, "the container differs from what rsync makes", inventory.Compare(n.wanted(contents), contents.Tree, scope))
	return contents
}

// wanted is the copy, with those times as contents has them.
func (n *into) wanted(contents inventory.Contents) inventory.Tree {
	n.t.Helper()
	want := trees.List(n.t, n.copied)
	for path, e := range want {
		below, err := filepath.Rel(n.destination(), filepath.Join(n.copied, path))
		harness.Must(n.t, err)
		isAbove := strings.HasPrefix(below, "..")
		if e.Type == clfs.TypeDirectory && (isAbove || !isDirectoryAt(filepath.Join(n.source, below))) {
			e.Mtime = contents.Tree[path].Mtime
			want[path] = e
		}
	}
	return want
}

func isDirectoryAt(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// mustHaveAll wants some of the entries that PATH had to be in the container as they were.
func (n *into) mustHaveAll(was inventory.Tree, which func(path string) bool) {
	n.t.Helper()
	tree := trees.ReadContainer(n.t, n.inventory()).Tree
	for path, e := range was {
		is := tree[filepath.Join(strings.TrimPrefix(n.path, "/"), path)]
		if which(path) && (is.Type != e.Type || is.Hash != e.Hash || is.Mtime != e.Mtime) {
			n.t.Errorf("%q was %v, is %v", path, e, is)
		}
	}
}

func (n *into) verify() {
	n.t.Helper()
	harness.Clfsload(n.t, "verify", "dir:"+n.blobs).MustExit(harness.ExitOK)
}

// mustLeaveContainer runs do, which must not change one byte of the container.
func (n *into) mustLeaveContainer(do func()) {
	n.t.Helper()
	before := harness.ContentsOf(n.t, n.blobs)
	do()
	if c := trees.ChangesOf(before, harness.ContentsOf(n.t, n.blobs)); len(c.Added)+len(c.Gone)+len(c.Rewritten) > 0 {
		n.t.Errorf("the container was changed: %s", c)
	}
}

// variety makes trees whose names, types and attributes come from few of each, so that two of them
// have much in common and differ in every way.
type variety struct {
	t        *testing.T
	random   *rand.Rand
	names    []string
	links    bool     // some files have several names
	dangling bool     // no symbolic link leads anywhere
	files    []string // what a link can be made of
}

var (
	plainNames = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	oddNames   = []string{"a", "b", "c", "d", "e", " lead", "-rf", "new\nline", "b\xc3\xa4r", "\xff\xfe", "star*[x]"}
)

// tree makes a tree at root.
func (v *variety) tree(root string) string {
	v.t.Helper()
	v.files = nil
	harness.Must(v.t, os.MkdirAll(root, 0o755))
	v.fill(root, 3)
	v.attributes(root)
	return root
}

func (v *variety) fill(directory string, depth int) {
	v.t.Helper()
	for _, name := range v.names {
		if v.random.IntN(3) == 0 {
			continue
		}
		path := filepath.Join(directory, name)
		if depth > 0 && v.random.IntN(4) == 0 {
			harness.MustMkdir(v.t, path)
			v.fill(path, depth-1)
		} else {
			v.entry(path)
		}
		v.attributes(path)
	}
}

// entry makes anything but a directory with entries.
func (v *variety) entry(path string) {
	v.t.Helper()
	if v.links && len(v.files) > 0 && v.random.IntN(6) == 0 {
		harness.Must(v.t, os.Link(v.files[v.random.IntN(len(v.files))], path))
		return
	}
	v.files = append(v.files, path)
	special := func(mode uint32) { // rsync takes a block for a character device of the same number
		harness.Must(v.t, unix.Mknod(path, mode|0o600, int(unix.Mkdev(mode>>12, 1+v.random.Uint32N(2)))))
	}
	switch v.random.IntN(12) {
	case 0:
		harness.MustMkdir(v.t, path)
		v.files = v.files[:len(v.files)-1]
	case 1, 2:
		targets := []string{"white space", "../gone", "a"}
		if v.dangling {
			targets = targets[:2]
		}
		harness.Must(v.t, os.Symlink(targets[v.random.IntN(len(targets))], path))
	case 3:
		special([]uint32{unix.S_IFIFO, unix.S_IFSOCK}[v.random.IntN(2)])
	case 4:
		special([]uint32{unix.S_IFCHR, unix.S_IFBLK}[v.random.IntN(2)])
	default:
		letter := []string{"x", "y"}[v.random.IntN(2)]
		harness.WriteFile(v.t, path, strings.Repeat(letter, []int{0, 5, 6, 40_000}[v.random.IntN(4)]))
	}
}

func (v *variety) attributes(path string) {
	v.t.Helper()
	var st unix.Stat_t
	harness.Must(v.t, unix.Lstat(path, &st))
	owner := []int{0, 0, 0, 1234}
	harness.Must(v.t, os.Lchown(path, owner[v.random.IntN(4)], owner[v.random.IntN(4)]))
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		harness.Must(v.t, unix.Chmod(path, []uint32{0o755, 0o755, 0o640, 0o4711}[v.random.IntN(4)]))
	}
	mtime := unix.Timespec{Sec: 1_500_000_000 + v.random.Int64N(2), Nsec: 250_000_000}
	harness.SetTimes(v.t, path, mtime, mtime)
}

// newVariety makes an into of two random trees. The directory that SOURCE becomes is often there.
func newVariety(t *testing.T, random *rand.Rand, names []string) *into {
	t.Helper()
	return (&variety{t: t, random: random, names: names}).into()
}

func (v *variety) into() *into {
	t, random, directory := v.t, v.random, v.t.TempDir()
	t.Helper()
	harness.RequireRoot(t)
	tree, source := v.tree(filepath.Join(directory, "tree")), v.tree(filepath.Join(directory, "source"))
	path := "/"
	switch random.IntN(3) {
	case 0:
		path = "/made/now"
	case 1:
		list, err := os.ReadDir(tree)
		harness.Must(t, err)
		for _, e := range list {
			if e.IsDir() {
				path = "/" + e.Name()
			}
		}
	}
	t.Logf("into %q in %s", path, directory)
	return newInto(t, tree, source, path)
}

// inRounds runs a test with one seed after another, ROUNDS times if that is set. The name of a round
// is its seed: SEED repeats it.
func inRounds(t *testing.T, rounds int, round func(t *testing.T, random *rand.Rand)) {
	t.Helper()
	if text := os.Getenv("ROUNDS"); text != "" {
		_, err := fmt.Sscan(text, &rounds)
		harness.Must(t, err)
	}
	for range rounds {
		seed := uint64(time.Now().UnixNano())
		if text := os.Getenv("SEED"); text != "" {
			_, err := fmt.Sscan(text, &seed)
			harness.Must(t, err)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { round(t, rand.New(rand.NewPCG(seed, seed))) })
	}
}
