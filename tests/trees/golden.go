package trees

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
)

// AsCLFSLoadKeeps leaves out what a container of CLFSLoad cannot tell of the
// golden tree: times below some microseconds (it reckons in floating point), the
// size of a link with an UTF-8 target, the mtime of the socket that the tests
// make.
func AsCLFSLoadKeeps(tree inventory.Tree) inventory.Tree {
	kept := inventory.Tree{}
	for path, entry := range tree {
		entry.Mtime.Nsec = (entry.Mtime.Nsec + 5000) / 10000
		switch path {
		case "links/utf8-target":
			entry.Size = 0
		case "special/sock":
			entry.Mtime = clfs.Time{}
		}
		kept[path] = entry
	}
	return kept
}

// Untar unpacks an archive of testdata/golden into a new directory.
func Untar(archive string) (string, error) {
	directory, err := os.MkdirTemp(harness.Scratch, "golden-")
	if err != nil {
		return "", err
	}
	command := exec.Command("tar", "--numeric-owner", "-C", directory, "-xpf", harness.InModule("testdata/golden/"+archive))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w\n%s", err, out)
	}
	return directory, nil
}

// Golden returns the golden source tree: every file type, hard links,
// devices, awkward names and sizes. All tests share it, so it must not be changed.
func Golden(t *testing.T) string {
	t.Helper()
	harness.RequireRoot(t)
	tree, err := makeGoldenTree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// makeGoldenTree unpacks the tree and adds the socket, which no archive can hold.
var makeGoldenTree = sync.OnceValues(func() (string, error) {
	directory, err := Untar("source-tree.tar.gz")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(directory, "tree")
	special := filepath.Join(tree, "special")
	var before unix.Stat_t
	if err := unix.Lstat(special, &before); err != nil {
		return "", err
	}
	socket := filepath.Join(special, "sock")
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o755, 0); err != nil {
		return "", err
	}
	if err := os.Chmod(socket, 0o755); err != nil {
		return "", err
	}
	times := []unix.Timespec{before.Atim, before.Mtim}
	return tree, unix.UtimesNanoAt(unix.AT_FDCWD, special, times, unix.AT_SYMLINK_NOFOLLOW)
})

// MountedGolden is a container that CLFSLoad wrote, for tests that only mount it.
func MountedGolden(t *testing.T) (target string) {
	t.Helper()
	directory, err := unpackMountedGolden()
	if err != nil {
		t.Fatal(err)
	}
	return "dir:" + filepath.Join(directory, "lz4")
}

var unpackMountedGolden = sync.OnceValues(func() (string, error) { return Untar("container-lz4-hardlinks.tar.gz") })

// GoldenContainer unpacks a container that CLFSLoad wrote.
func GoldenContainer(t *testing.T, name string) (target string) {
	t.Helper()
	archive := map[string]string{"lz4": "container-lz4-hardlinks.tar.gz", "raw": "container-raw.tar.gz"}[name]
	directory, err := Untar(archive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return "dir:" + filepath.Join(directory, name)
}
