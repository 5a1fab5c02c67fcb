package resume

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// enlarge gives a small disk more room.
func enlarge(t *testing.T, disk, size string) {
	t.Helper()
	harness.Must(t, unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size="+size))
}

// The disk of STATE is full in the middle of a load, of which the container has a
// part already.
func TestADiskThatFillsUnderTheStateInTheMiddleIsToldAndTheLoadGoesOn(t *testing.T) {
	source := trees.CutTree(t)
	before := trees.List(t, source)
	disk := harness.SmallDisk(t, "1m")
	c := remote.NewMetered(t)
	c.SetLatency(time.Millisecond)
	state := filepath.Join(disk, "state")
	harness.Clfsload(t, c.Into(state, source, "--new", "--preserve-hardlinks")...).
		MustExit(harness.ExitNoSpace).MustSay("space", "disk of STATE", "again").MustNotPanic()
	remote.MustNotBePublishedTo(t, c)
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitNoSpace).MustSay("space").MustNotPanic() // nothing has changed
	enlarge(t, disk, "64m")
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, c.Inventory(), inventory.Full)
}

func TestAFullContainerDirectoryIsToldAndTheLoadGoesOn(t *testing.T) {
	source := trees.CutTree(t)
	before := trees.List(t, source)
	disk := harness.SmallDisk(t, "20m")
	tr := harness.NewTransfer(t, source)
	tr.Blobs = filepath.Join(disk, "container")
	harness.Clfsload(t, tr.Begin("--preserve-hardlinks")...).MustExit(harness.ExitNoSpace).MustSay("space", "again").MustNotPanic()
	trees.MustNotBePublished(t, tr.Blobs)
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitNoSpace).MustSay("space").MustNotPanic()
	enlarge(t, disk, "128m")
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
	trees.MustHold(t, before, trees.DirectoryBlobs(t, tr.Blobs), inventory.Full)
}

// A journal of which a part is not what was written is refused, or noticed when
// that part is needed. What is damaged is never called complete.
func TestADamagedJournalIsNotGoneOnWith(t *testing.T) {
	random := trees.SeededRandom(t)
	source := trees.CutTree(t)
	tr := harness.NewTransfer(t, source)
	harness.StopInTheMiddle(t, tr)
	journal := filepath.Join(tr.State, "journal.sqlite")
	whole, err := os.ReadFile(journal)
	harness.Must(t, err)
	before := tr.Blobs + ".before"
	harness.CopyTree(t, tr.Blobs, before)
	for title, damage := range map[string]func() []byte{
		"garbage at the start":  func() []byte { return overwritten(whole, 0, 4096, random) },
		"garbage in the middle": func() []byte { return overwritten(whole, len(whole)/4, len(whole)/2, random) },
		"zeros in the middle":   func() []byte { return overwritten(whole, len(whole)/4, len(whole)/2, nil) },
		"cut in the middle":     func() []byte { return whole[:len(whole)/2] },
		"cut to a few bytes":    func() []byte { return whole[:50] },
		"random bytes":          func() []byte { return overwritten(whole, 0, len(whole), random) },
		"text":                  func() []byte { return []byte("what was here was overwritten by mistake\n") },
		"empty":                 func() []byte { return nil },
	} {
		t.Run(title, func(t *testing.T) {
			tr := harness.Transfer{State: filepath.Join(t.TempDir(), "state"), Source: source, Blobs: tr.Blobs}
			harness.MustMkdir(t, tr.State)
			harness.Must(t, os.WriteFile(filepath.Join(tr.State, "journal.sqlite"), damage(), 0o600))
			harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitJournal).MustSay("damaged").MustNotPanic()
			trees.MustNotBePublished(t, tr.Blobs)
			// A copy whose damage is noticed late has marked the container as its own.
			harness.Must(t, os.RemoveAll(tr.Blobs))
			harness.CopyTree(t, before, tr.Blobs)
		})
	}
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK) // the true one
}

// overwritten returns a copy of data with other bytes from and for so many.
func overwritten(data []byte, from, count int, random *rand.Rand) []byte {
	damaged := append([]byte(nil), data...)
	for i := from; i < from+count; i++ {
		damaged[i] = 0
		if random != nil {
			damaged[i] = byte(random.Uint32())
		}
	}
	return damaged
}
