package trees

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
)

// WriteNoise makes a file of bytes that do not compress.
func WriteNoise(t *testing.T, path string, size int, random *rand.Rand) {
	t.Helper()
	data := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		n := random.Uint64()
		for j := range 8 {
			data[i+j] = byte(n >> (8 * j))
		}
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// AddSmall fills a directory with files of one or two segments and a symbolic link.
func AddSmall(t *testing.T, directory string, random *rand.Rand) {
	t.Helper()
	for i := range 25 {
		path := filepath.Join(directory, fmt.Sprint("file-", i))
		harness.WriteFile(t, path, strings.Repeat(fmt.Sprintln("contents of", path), random.IntN(1000)))
	}
	if err := os.Symlink("../somewhere", filepath.Join(directory, "symlink")); err != nil {
		t.Fatal(err)
	}
}

// GoRoot is a real tree that every machine with these tests has.
func GoRoot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TwoSizes is a small tree with the file that is broken, and another one.
func TwoSizes(t *testing.T) string {
	t.Helper()
	golden, tree := filepath.Join(Golden(t), "sizes"), t.TempDir()
	harness.MustMkdir(t, filepath.Join(tree, "sizes"))
	for _, name := range []string{"text-8404993", "text-100", "rand-16385"} {
		text, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Fatal(err)
		}
		harness.WriteFile(t, filepath.Join(tree, "sizes", name), string(text))
	}
	return tree
}

// ATree makes a few directories of files.
func ATree(t *testing.T, root string) {
	t.Helper()
	for d := range 5 {
		directory := filepath.Join(root, fmt.Sprint("directory-", d))
		harness.MustMkdir(t, directory)
		for f := range 20 {
			harness.WriteFile(t, filepath.Join(directory, fmt.Sprint("file-", f)), fmt.Sprint(d, f))
		}
		harness.Must(t, os.Link(filepath.Join(directory, "file-1"), filepath.Join(directory, "link")))
		harness.Must(t, os.Symlink("file-2", filepath.Join(directory, "symlink")))
	}
}

// Fill makes empty files, from several threads at once.
func Fill(t *testing.T, directory string, entries int) {
	t.Helper()
	const threads = 8
	var makers sync.WaitGroup
	failed := make([]error, threads)
	for m := range threads {
		makers.Go(func() {
			for n := m; n < entries && failed[m] == nil; n += threads {
				failed[m] = unix.Mknod(filepath.Join(directory, fmt.Sprintf("entry-%06d", n)), unix.S_IFREG|0o644, 0)
			}
		})
	}
	makers.Wait()
	harness.Must(t, errors.Join(failed...))
}

// SyncedTree is a small tree with what rsync -aH has to keep: links of both kinds, and
// a file that takes a while.
func SyncedTree(t *testing.T, random *rand.Rand) string {
	t.Helper()
	source := t.TempDir()
	for n := range 20 {
		directory := filepath.Join(source, fmt.Sprint("a-", n%4), fmt.Sprint("b-", n))
		harness.Must(t, os.MkdirAll(directory, 0o755))
		for f := range 12 {
			path := filepath.Join(directory, fmt.Sprint("file-", f))
			harness.WriteFile(t, path, strings.Repeat(fmt.Sprintln("contents of", path), random.IntN(1000)))
		}
		harness.Must(t, os.Symlink("../somewhere", filepath.Join(directory, "symlink")))
		harness.Must(t, os.Link(filepath.Join(directory, "file-1"), filepath.Join(source, fmt.Sprint("a-", n%4), fmt.Sprint("link-", n))))
	}
	WriteNoise(t, filepath.Join(source, "large"), 20<<20, random)
	return source
}

// Body is the whole of a version of a file. One file has several segments.
func Body(number, version int) string {
	lines := 1 + number*number*version%7000
	if number == 1 {
		lines = 330_000
	}
	return strings.Repeat(fmt.Sprintf("this is file %d in version %d\n", number, version), lines)
}

// ModestTree has some small files in some directories, and one of three segments.
func ModestTree(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	for i := range 80 {
		directory := filepath.Join(source, fmt.Sprintf("directory-%d", i%4))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		harness.WriteFile(t, filepath.Join(directory, fmt.Sprintf("file-%d", i)), strings.Repeat(fmt.Sprintln("line", i), 50*i))
	}
	WriteNoise(t, filepath.Join(source, "large"), 20<<20, SeededRandom(t))
	return source
}

// CutTree has what makes a journal busy: several levels, links and large files.
func CutTree(t *testing.T) string {
	t.Helper()
	random := SeededRandom(t)
	source := t.TempDir()
	for i := range 30 {
		directory := filepath.Join(source, fmt.Sprintf("a-%d", i%5), fmt.Sprintf("b-%d", i))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		AddSmall(t, directory, random)
		if err := os.Link(filepath.Join(directory, "file-1"), filepath.Join(source, fmt.Sprintf("a-%d", i%5), fmt.Sprintf("link-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	WriteNoise(t, filepath.Join(source, "large"), 36<<20, random)
	return source
}

// UsrShare is a tree of some 50,000 entries that every Linux has.
const UsrShare = "/usr/share"

// Rude are names and link targets that would move the cursor, set the title, turn the
// direction of text, or look like another message.
var Rude = []string{"esc\x1b[2Jape", "title\x1b]0;x\a", "c1\u009b2J", "bidi\u202etxt.exe", "bytes\xff\x9b2J", "line\nclfsload: all is well", "back\b\b\r"}
