package harness

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// StateInMemory is a directory for a STATE on a disk that costs no time.
func StateInMemory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "clfsload-state-")
	Must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// Disk is an ext4 file system on an image file, mounted for the test.
type Disk struct {
	T     *testing.T
	image string
	Mount string
}

// NewDisk makes a disk of that many bytes. What is written to it reaches the image
// when somebody asks for that, with fsync: the file system itself waits for long.
func NewDisk(t *testing.T, size int64) *Disk {
	t.Helper()
	RequireRoot(t)
	// Images are copied while a process is stopped, which should not take long.
	home, err := os.MkdirTemp("/dev/shm", "clfsload-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	d := &Disk{T: t, image: filepath.Join(home, "image"), Mount: filepath.Join(t.TempDir(), "disk")}
	MustMkdir(t, d.Mount)
	WriteFile(t, d.image, "")
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	d.tool("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,nodiscard", d.image)
	d.attach()
	t.Cleanup(d.detach)
	return d
}

func (d *Disk) tool(name string, arguments ...string) {
	d.T.Helper()
	if out, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		d.T.Fatalf("%s %s: %v (the tests need loop devices)\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

func (d *Disk) attach() {
	d.T.Helper()
	d.tool("mount", "-o", "loop,commit=600", d.image, d.Mount)
}

func (d *Disk) detach() {
	d.T.Helper()
	d.tool("umount", d.Mount)
}

// Snapshot copies what has reached the image. Nothing may be on its way meanwhile:
// it is copied until two copies are equal.
func (d *Disk) Snapshot() []byte {
	d.T.Helper()
	var before []byte
	for {
		now, err := os.ReadFile(d.image)
		if err != nil {
			d.T.Error(err)
		}
		if bytes.Equal(now, before) {
			return now
		}
		before = now
	}
}

// Restore mounts a snapshot as the disk, with which the file system finds itself
// as after a power cut.
func (d *Disk) Restore(snapshot []byte) {
	d.T.Helper()
	d.detach()
	if err := os.WriteFile(d.image, snapshot, 0o600); err != nil {
		d.T.Fatal(err)
	}
	d.attach()
}

// StartAnew tells the journal of a STATE that the machine was started since it was open.
func StartAnew(t *testing.T, state string) {
	t.Helper()
	path := filepath.Join(state, "journal.log-end")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || len(text) == 0 {
		return
	}
	Must(t, err)
	end := bytes.LastIndexByte(bytes.TrimSpace(text), ' ') + 1
	at := bytes.IndexByte(text, ' ')
	another := append(bytes.Repeat([]byte("0"), at), text[at:end]...)
	sum := crc32.Checksum(another, crc32.MakeTable(crc32.Castagnoli))
	Must(t, os.WriteFile(path, fmt.Appendf(another, "%08x\n", sum), 0o600))
}

// SmallDisk mounts a file system of the given size for the test.
func SmallDisk(t *testing.T, size string) string {
	t.Helper()
	RequireRoot(t)
	directory := t.TempDir()
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a tmpfs: %v (the tests must be allowed to mount)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(directory, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return directory
}
