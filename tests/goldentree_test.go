package tests

import (
	"os"
	"os/exec"
	"path/filepath"
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
func untar(t *testing.T, archive string) string {
	t.Helper()
	directory := t.TempDir()
	command := exec.Command("tar", "--numeric-owner", "-C", directory, "-xpf", filepath.Join("../testdata/golden", archive))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	return directory
}

// goldenTree makes the golden source tree: every file type, hard links, devices,
// awkward names and sizes. The socket, which no archive can hold, is made here.
func goldenTree(t *testing.T) string {
	t.Helper()
	requireRoot(t)
	tree := filepath.Join(untar(t, "source-tree.tar.gz"), "tree")
	special := filepath.Join(tree, "special")
	var before unix.Stat_t
	if err := unix.Lstat(special, &before); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(special, "sock")
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o755, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o755); err != nil {
		t.Fatal(err)
	}
	times := []unix.Timespec{before.Atim, before.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, special, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
	return tree
}
