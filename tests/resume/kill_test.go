package resume

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

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
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
	harness.RequireRoot(t)
	source := t.TempDir()
	for i := range 12 {
		directory := filepath.Join(source, fmt.Sprintf("small-%d", i%3), fmt.Sprint(i))
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		trees.AddSmall(t, directory, random)
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
		trees.WriteNoise(t, filepath.Join(source, name), 40<<20+random.IntN(1<<20), random)
	}
	addMany(t, filepath.Join(source, "many"))
	return source
}

// addMany makes a directory of manyEntries names of a tenth as many files.
func addMany(t *testing.T, directory string) {
	t.Helper()
	harness.MustMkdir(t, directory)
	var first string
	for i := range manyEntries {
		path := filepath.Join(directory, fmt.Sprintf("entry-%05d", i))
		if i%10 == 0 {
			first = path
			harness.WriteFile(t, first, fmt.Sprint(i))
			continue
		}
		if err := os.Link(first, path); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(puts []remote.Put) (bytes int64) {
	for _, p := range puts {
		bytes += p.Bytes
	}
	return bytes
}

// undisturbed loads source without any trouble, and returns what came of it and
// how many different blobs and bytes were put.
func undisturbed(t *testing.T, source string, flags ...string) (contents inventory.Contents, blobs int, bytes int64) {
	t.Helper()
	c := remote.NewMetered(t)
	flags = append([]string{"--new"}, flags...)
	harness.Clfsload(t, c.Into(filepath.Join(t.TempDir(), "state"), source, flags...)...).MustExit(harness.ExitOK)
	return trees.ReadContainer(t, c.Inventory()), c.Seen(), sizeOf(c.Taken())
}

func TestALoadKilledAtRandomMomentsEndsAsIfItHadNotBeen(t *testing.T) {
	random := trees.SeededRandom(t)
	source := mixedTree(t, random)
	flags := []string{"--preserve-hardlinks", "--memory", "64MiB"}
	alone, all, bytes := undisturbed(t, source, flags...)
	before := trees.List(t, source) // not earlier: listing a directory may change its atime

	c := remote.NewMetered(t)
	c.SetLatency(time.Millisecond)
	k := remote.Killed{T: t, Container: c, State: filepath.Join(t.TempDir(), "state"), Source: source, Flags: flags}
	moments := make([]int, trees.Kills)
	for i := range moments {
		moments[i] = random.IntN(all + 1)
	}
	moments[trees.Kills-1] = all // published, and not recorded yet
	slices.Sort(moments)
	var sent int64
	for _, blobs := range moments {
		puts, killed := k.Run(blobs, random.IntN(2) == 0)
		if sent += sizeOf(puts); !killed {
			t.Errorf("the load ended before %d of %d blobs were put", blobs, all)
		}
	}
	// A publication that was cut off has left segments of directories under other names.
	puts, _ := k.Run(math.MaxInt, false)
	sent += sizeOf(puts)

	contents := trees.MustHold(t, before, c.Inventory(), inventory.Full)
	trees.ReportLines(t, "the container differs from that of a load that was left alone",
		inventory.Compare(alone.Tree, contents.Tree, inventory.Scope{HardLinks: true, Ctime: true, FileID: true}))
	if contents.Objects != alone.Objects {
		t.Errorf("%d objects, not %d", contents.Objects, alone.Objects)
	}
	t.Logf("%d blobs; %d kills made %d bytes into %d", all, trees.Kills, bytes, sent)
	if most := bytes + int64(trees.Kills)*killBudget; sent > most {
		t.Errorf("%d bytes were sent, more than %d", sent, most)
	}
}

// Killed while it makes STATE and claims the container, a load can be gone on with
// or begun again: there is no state directory that is good for neither.
func TestALoadKilledWhileItBeginsGoesOnOrBeginsAgain(t *testing.T) {
	source := wideTree(t, 3)
	before := trees.List(t, source)
	for events := range 8 {
		directory := t.TempDir()
		tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: source, Blobs: filepath.Join(directory, "container")}
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		harness.Must(t, err)
		_, err = unix.InotifyAddWatch(watch, directory, unix.IN_CREATE|unix.IN_MOVE|unix.IN_DELETE|unix.IN_OPEN|unix.IN_CLOSE)
		harness.Must(t, err)
		r := harness.Command(t, tr.Begin()).Start()
		r.AwaitEvents(watch, events+1)
		r.Command.Process.Kill()
		r.Wait()
		harness.Must(t, unix.Close(watch))
		arguments := tr.Begin()
		if _, err := os.Stat(tr.State); err == nil {
			arguments = tr.Resume()
		}
		harness.Clfsload(t, arguments...).MustExit(harness.ExitOK)
		scope := inventory.Full
		scope.Atime = false
		trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), scope)
	}
}
