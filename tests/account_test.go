package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is an account without rights.
const nobody = 65534

// asNobody runs the binary without root's rights.
func asNobody(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	c.Dir = "/"
}

// openToAll lets every account write to directory and reach it; the
// directories that tests make are root's alone.
func openToAll(t *testing.T, directory string) {
	t.Helper()
	requireRoot(t)
	if err := os.Chmod(directory, 0o777); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(directory); up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(scratch, 0o755); err != nil {
		t.Fatal(err)
	}
}
