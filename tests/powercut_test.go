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
	"time"

	"clfsload/tests/inventory"
)

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

// cutTree has what makes a journal busy: several levels, links and large files.
func cutTree(t *testing.T) string {
	t.Helper()
	random := seededRandom(t)
	source := t.TempDir()
	for i := range 30 {
		directory := filepath.Join(source, fmt.Sprintf("a-%d", i%5), fmt.Sprintf("b-%d", i))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		addSmall(t, directory, random)
		if err := os.Link(filepath.Join(directory, "file-1"), filepath.Join(source, fmt.Sprintf("a-%d", i%5), fmt.Sprintf("link-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	writeNoise(t, filepath.Join(source, "large"), 36<<20, random)
	return source
}

// The disk of STATE loses its power at one moment after another.
func TestALoadGoesOnAfterAPowerCut(t *testing.T) {
	source := cutTree(t)
	flags := []string{"--preserve-hardlinks", "--memory", "64MiB"}
	_, all, _ := undisturbed(t, source, flags...)
	before := listTree(t, source)
	d := newDisk(t, 64<<20)
	c := newMeteredContainer(t)
	c.SetLatency(time.Millisecond)
	k := killedLoad{t: t, container: c, state: filepath.Join(d.mount, "state"), source: source, flags: flags}
	for _, share := range []int{0, 5, 20, 40, 60, 80, 95, 99, 100} {
		cutPower(d, k, max(all*share/100, 2))
	}
	clfsload(t, c.into(k.state, source, flags...)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

// cutPower runs a load until that many blobs were put and takes its disk away as
// it is then.
func cutPower(d *disk, k killedLoad, blobs int) {
	d.t.Helper()
	var snapshot []byte
	if res := freezeAt(k, blobs, func() { snapshot = d.snapshot() }); res != nil {
		d.t.Errorf("the load ended before %d blobs were put: exit code %d\n%s", blobs, res.code, clip(res.stderr))
		return
	}
	d.restore(snapshot)
	startAnew(d.t, k.state)
}

// The disk of STATE and container loses its power: what the journal calls done is
// in the container.
func TestALoadAndItsContainerGoOnAfterAPowerCut(t *testing.T) {
	source := cutTree(t)
	before := listTree(t, source)
	d := newDisk(t, 256<<20)
	tr := transfer{state: filepath.Join(d.mount, "state"), source: source, blobs: filepath.Join(d.mount, "container")}
	flags := []string{"--preserve-hardlinks", "--concurrency", "1"} // so that none is over too soon
	arguments := tr.begin(flags...)
	for _, blobs := range []int{1, 10, 100, 300, 500, 700, 800} {
		r := command(t, arguments).start()
		waitForBlobs(r, tr.blobs, blobs)
		if err := r.freeze(); err != nil {
			t.Fatal(err)
		}
		snapshot := d.snapshot()
		r.command.Process.Kill()
		if res := r.wait(); res.code != -1 {
			t.Errorf("ended before %d blobs: %d\n%s", blobs, res.code, res.stderr)
		}
		d.restore(snapshot)
		startAnew(t, tr.state)
		if _, err := os.Stat(filepath.Join(tr.state, "journal.sqlite")); err == nil {
			arguments = tr.resume(flags...)
		}
	}
	clfsload(t, arguments...).mustExit(exitOK)
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
}
