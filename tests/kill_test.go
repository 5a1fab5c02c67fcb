package tests

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

const (
	// killBudget is --memory: the most that may be uploaded again after a kill.
	killBudget = 64 << 20
	// manyEntries are in one directory.
	manyEntries = 50_000
)

// mixedTree has something of everything: small and large files, links of both
// kinds, devices, and a directory of manyEntries names.
func mixedTree(t *testing.T, random *rand.Rand) string {
	t.Helper()
	requireRoot(t)
	source := t.TempDir()
	for i := range 12 {
		directory := filepath.Join(source, fmt.Sprintf("small-%d", i%3), fmt.Sprint(i))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		addSmall(t, directory, random)
		if err := os.Link(filepath.Join(directory, "file-0"), filepath.Join(source, "small-0", fmt.Sprint("link-", i))); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO, "char": unix.S_IFCHR, "block": unix.S_IFBLK, "socket": unix.S_IFSOCK} {
		if err := unix.Mknod(filepath.Join(source, name), mode|0o640, int(unix.Mkdev(7, 300))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"large-1", "large-2"} {
		writeNoise(t, filepath.Join(source, name), 40<<20+random.IntN(1<<20), random)
	}
	addMany(t, filepath.Join(source, "many"))
	return source
}

// addMany makes a directory of manyEntries names of a tenth as many files.
func addMany(t *testing.T, directory string) {
	t.Helper()
	mustMkdir(t, directory)
	var first string
	for i := range manyEntries {
		path := filepath.Join(directory, fmt.Sprintf("entry-%05d", i))
		if i%10 == 0 {
			first = path
			writeFile(t, first, fmt.Sprint(i))
			continue
		}
		if err := os.Link(first, path); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(puts []metered) (bytes int64) {
	for _, p := range puts {
		bytes += p.bytes
	}
	return bytes
}

// undisturbed loads source without any trouble, and returns what came of it and
// how many different blobs and bytes were put.
func undisturbed(t *testing.T, source string, flags ...string) (contents inventory.Contents, blobs int, bytes int64) {
	t.Helper()
	c := newMeteredContainer(t)
	flags = append([]string{"--new"}, flags...)
	clfsload(t, c.into(filepath.Join(t.TempDir(), "state"), source, flags...)...).mustExit(exitOK)
	return readContainer(t, c.inventory()), c.seen(), sizeOf(c.taken())
}

func TestALoadKilledAtRandomMomentsEndsAsIfItHadNotBeen(t *testing.T) {
	random := seededRandom(t)
	source := mixedTree(t, random)
	flags := []string{"--preserve-hardlinks", "--memory", "64MiB"}
	alone, all, bytes := undisturbed(t, source, flags...)
	before := listTree(t, source) // not earlier: listing a directory may change its atime

	c := newMeteredContainer(t)
	c.SetLatency(time.Millisecond)
	k := killedLoad{t: t, container: c, state: filepath.Join(t.TempDir(), "state"), source: source, flags: flags}
	moments := make([]int, kills)
	for i := range moments {
		moments[i] = random.IntN(all + 1)
	}
	moments[kills-1] = all // published, and not recorded yet
	slices.Sort(moments)
	var sent int64
	for _, blobs := range moments {
		puts, killed := k.run(blobs, random.IntN(2) == 0)
		if sent += sizeOf(puts); !killed {
			t.Errorf("the load ended before %d of %d blobs were put", blobs, all)
		}
	}
	// A publication that was cut off has left segments of directories under other names.
	puts, _ := k.run(math.MaxInt, false)
	sent += sizeOf(puts)

	contents := mustHold(t, before, c.inventory(), inventory.Full)
	reportLines(t, "the container differs from that of a load that was left alone",
		inventory.Compare(alone.Tree, contents.Tree, inventory.Scope{HardLinks: true, Ctime: true, FileID: true}))
	if contents.Objects != alone.Objects {
		t.Errorf("%d objects, not %d", contents.Objects, alone.Objects)
	}
	t.Logf("%d blobs; %d kills made %d bytes into %d", all, kills, bytes, sent)
	if most := bytes + int64(kills)*killBudget; sent > most {
		t.Errorf("%d bytes were sent, more than %d", sent, most)
	}
}

// Killed while it makes STATE and claims the container, a load can be gone on with
// or begun again: there is no state directory that is good for neither.
func TestALoadKilledWhileItBeginsGoesOnOrBeginsAgain(t *testing.T) {
	source := wideTree(t, 3)
	before := listTree(t, source)
	for events := range 8 {
		directory := t.TempDir()
		tr := transfer{state: filepath.Join(directory, "state"), source: source, blobs: filepath.Join(directory, "container")}
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		must(t, err)
		_, err = unix.InotifyAddWatch(watch, directory, unix.IN_CREATE|unix.IN_MOVE|unix.IN_DELETE|unix.IN_OPEN|unix.IN_CLOSE)
		must(t, err)
		r := command(t, tr.begin()).start()
		r.awaitEvents(watch, events+1)
		r.command.Process.Kill()
		r.wait()
		must(t, unix.Close(watch))
		arguments := tr.begin()
		if _, err := os.Stat(tr.state); err == nil {
			arguments = tr.resume()
		}
		clfsload(t, arguments...).mustExit(exitOK)
		scope := inventory.Full
		scope.Atime = false
		mustHold(t, before, directoryBlobs(t, tr.blobs), scope)
	}
}
