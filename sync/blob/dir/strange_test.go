package dir_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

func TestWhatIsNoRegularFileIsNoBlob(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	socket, err := net.Listen("unix", filepath.Join(path, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	err = errors.Join(
		unix.Mkfifo(filepath.Join(path, "fifo"), 0o644),
		os.Mkdir(filepath.Join(path, "directory"), 0o755),
		os.Symlink("/dev/zero", filepath.Join(path, "link")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"socket", "fifo", "directory", "link"} {
		if _, err := c.Get(t.Context(), name, 0, -1); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Get of %s: %v", name, err)
		}
	}
}

func TestAHugeFileIsNotReadAsAWhole(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	name := filepath.Join(path, "huge")
	if err := errors.Join(os.WriteFile(name, nil, 0o644), os.Truncate(name, 1<<40)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "huge", 0, -1); !errors.Is(err, blob.ErrUnexpected) {
		t.Errorf("Get of all: %v", err)
	}
	if o, err := c.Get(t.Context(), "huge", 1<<30, 100); err != nil || len(o.Data) != 100 || o.Size != 1<<40 {
		t.Errorf("Get of a part: %d bytes of %d, %v", len(o.Data), o.Size, err)
	}
}
