package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// requireRoot fails a test that needs devices, foreign owners or mounts.
func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes devices, foreign owners or mounts: run it as root")
	}
}

// untar unpacks an archive of testdata/golden into a new directory.
func untar(archive string) (string, error) {
	directory, err := os.MkdirTemp(scratch, "golden-")
	if err != nil {
		return "", err
	}
	command := exec.Command("tar", "--numeric-owner", "-C", directory, "-xpf", inModule("testdata/golden/"+archive))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w\n%s", err, out)
	}
	return directory, nil
}

// goldenTree returns the golden source tree: every file type, hard links,
// devices, awkward names and sizes. All tests share it, so it must not be changed.
func goldenTree(t *testing.T) string {
	t.Helper()
	requireRoot(t)
	tree, err := makeGoldenTree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// makeGoldenTree unpacks the tree and adds the socket, which no archive can hold.
var makeGoldenTree = sync.OnceValues(func() (string, error) {
	directory, err := untar("source-tree.tar.gz")
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
