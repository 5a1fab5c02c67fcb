package tests

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

// stateInMemory is a directory for a STATE on a disk that costs no time.
func stateInMemory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/dev/shm", "clfsload-state-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

// disk is an ext4 file system on an image file, mounted for the test.
type disk struct {
	t     *testing.T
	image string
	mount string
}

// newDisk makes a disk of that many bytes. What is written to it reaches the image
// when somebody asks for that, with fsync: the file system itself waits for long.
func newDisk(t *testing.T, size int64) *disk {
	t.Helper()
	requireRoot(t)
	// Images are copied while a process is stopped, which should not take long.
	home, err := os.MkdirTemp("/dev/shm", "clfsload-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	d := &disk{t: t, image: filepath.Join(home, "image"), mount: filepath.Join(t.TempDir(), "disk")}
	mustMkdir(t, d.mount)
	writeFile(t, d.image, "")
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	d.tool("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,nodiscard", d.image)
	d.attach()
	t.Cleanup(d.detach)
	return d
}

func (d *disk) tool(name string, arguments ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, arguments...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v (the tests need loop devices)\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

func (d *disk) attach() {
	d.t.Helper()
	d.tool("mount", "-o", "loop,commit=600", d.image, d.mount)
}

func (d *disk) detach() {
	d.t.Helper()
	d.tool("umount", d.mount)
}

// snapshot copies what has reached the image. Nothing may be on its way meanwhile:
// it is copied until two copies are equal.
func (d *disk) snapshot() []byte {
	d.t.Helper()
	var before []byte
	for {
		now, err := os.ReadFile(d.image)
		if err != nil {
			d.t.Error(err)
		}
		if bytes.Equal(now, before) {
			return now
		}
		before = now
	}
}

// restore mounts a snapshot as the disk, with which the file system finds itself
// as after a power cut.
func (d *disk) restore(snapshot []byte) {
	d.t.Helper()
	d.detach()
	if err := os.WriteFile(d.image, snapshot, 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.attach()
}

// startAnew tells the journal of a STATE that the machine was started since it was open.
func startAnew(t *testing.T, state string) {
	t.Helper()
	path := filepath.Join(state, "journal.log-end")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || len(text) == 0 {
		return
	}
	must(t, err)
	end := bytes.LastIndexByte(bytes.TrimSpace(text), ' ') + 1
	at := bytes.IndexByte(text, ' ')
	another := append(bytes.Repeat([]byte("0"), at), text[at:end]...)
	sum := crc32.Checksum(another, crc32.MakeTable(crc32.Castagnoli))
	must(t, os.WriteFile(path, fmt.Appendf(another, "%08x\n", sum), 0o600))
}

// smallDisk mounts a file system of the given size for the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	requireRoot(t)
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
