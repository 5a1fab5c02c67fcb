package dir_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/dir"
)

const leaseFile = ".lease.bucket"

// leased is a directory with a blob whose lease is held.
func leased(t *testing.T) (path string, c *dir.Container, l blob.Lease) {
	t.Helper()
	path = t.TempDir()
	c = open(t, path)
	if err := c.Put(t.Context(), "bucket", nil); err != nil {
		t.Fatal(err)
	}
	return path, c, acquire(t, c)
}

var request = blob.LeaseRequest{ID: "one", Duration: time.Minute}

func acquire(t *testing.T, c *dir.Container) blob.Lease {
	t.Helper()
	l, err := c.AcquireLease(t.Context(), "bucket", request)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestARefusedLeaseTellsWhoHasIt(t *testing.T) {
	path, _, l := leased(t)
	_, err := open(t, path).AcquireLease(t.Context(), "bucket", request)
	if want := fmt.Sprintf("process %d on ", os.Getpid()); !errors.Is(err, blob.ErrLeased) || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want %q in it", err, want)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if got := entries(t, path); len(got) != 1 {
		t.Errorf("after the release the directory holds %q", got)
	}
}

func TestTheLockFileOfAProcessThatDiedHoldsNothing(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	for _, name := range []string{"bucket", leaseFile} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("process 1 on host since yesterday\nand more\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := acquire(t, c)
	text, err := os.ReadFile(filepath.Join(path, leaseFile))
	if err != nil || !strings.HasPrefix(string(text), fmt.Sprintf("process %d on ", os.Getpid())) || strings.Contains(string(text), "more") {
		t.Errorf("the lock file says %q, %v", text, err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRemovingTheLockFileBreaksTheLease(t *testing.T) {
	path, c, l := leased(t)
	if err := l.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, leaseFile)); err != nil {
		t.Fatal(err)
	}
	if err := l.Renew(t.Context()); !errors.Is(err, blob.ErrLeaseLost) {
		t.Errorf("Renew: %v", err)
	}
	other := acquire(t, c)
	for name, err := range map[string]error{"Renew": l.Renew(t.Context()), "Release": l.Release(t.Context())} {
		if !errors.Is(err, blob.ErrLeaseLost) {
			t.Errorf("%s while another has the lease: %v", name, err)
		}
	}
	if err := other.Renew(t.Context()); err != nil {
		t.Errorf("Renew of the other: %v", err)
	}
	if err := other.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheLeaseOfADirectoryThatIsGoneIsNotSaidToBeTaken(t *testing.T) {
	path, _, l := leased(t)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Renew(t.Context()); !errors.Is(err, blob.ErrContainerMissing) || errors.Is(err, blob.ErrLeaseLost) {
		t.Errorf("Renew: %v", err)
	}
}
