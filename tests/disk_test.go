package tests

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/inventory"
)

// enlarge gives a small disk more room.
func enlarge(t *testing.T, disk, size string) {
	t.Helper()
	must(t, unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, "size="+size))
}

// The disk of STATE is full in the middle of a load, of which the container has a
// part already.
func TestADiskThatFillsUnderTheStateInTheMiddleIsToldAndTheLoadGoesOn(t *testing.T) {
	source := cutTree(t)
	before := listTree(t, source)
	disk := smallDisk(t, "1m")
	c := newMeteredContainer(t)
	c.SetLatency(time.Millisecond)
	state := filepath.Join(disk, "state")
	clfsload(t, c.into(state, source, "--new", "--preserve-hardlinks")...).
		mustExit(exitNoSpace).mustSay("space", "disk of STATE", "again").mustNotPanic()
	mustNotBePublishedTo(t, c)
	clfsload(t, c.into(state, source)...).mustExit(exitNoSpace).mustSay("space").mustNotPanic() // nothing has changed
	enlarge(t, disk, "64m")
	clfsload(t, c.into(state, source)...).mustExit(exitOK)
	mustHold(t, before, c.inventory(), inventory.Full)
}

func TestAFullContainerDirectoryIsToldAndTheLoadGoesOn(t *testing.T) {
	source := cutTree(t)
	before := listTree(t, source)
	disk := smallDisk(t, "20m")
	tr := newTransfer(t, source)
	tr.blobs = filepath.Join(disk, "container")
	clfsload(t, tr.begin("--preserve-hardlinks")...).mustExit(exitNoSpace).mustSay("space", "again").mustNotPanic()
	mustNotBePublished(t, tr.blobs)
	clfsload(t, tr.resume()...).mustExit(exitNoSpace).mustSay("space").mustNotPanic()
	enlarge(t, disk, "128m")
	clfsload(t, tr.resume()...).mustExit(exitOK)
	mustHold(t, before, directoryBlobs(t, tr.blobs), inventory.Full)
}

// A journal of which a part is not what was written is refused, or noticed when
// that part is needed. What is damaged is never called complete.
func TestADamagedJournalIsNotGoneOnWith(t *testing.T) {
	random := seededRandom(t)
	source := cutTree(t)
	tr := newTransfer(t, source)
	stopInTheMiddle(t, tr)
	journal := filepath.Join(tr.state, "journal.sqlite")
	whole, err := os.ReadFile(journal)
	must(t, err)
	before := tr.blobs + ".before"
	copyTree(t, tr.blobs, before)
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
			tr := transfer{state: filepath.Join(t.TempDir(), "state"), source: source, blobs: tr.blobs}
			mustMkdir(t, tr.state)
			must(t, os.WriteFile(filepath.Join(tr.state, "journal.sqlite"), damage(), 0o600))
			clfsload(t, tr.resume()...).mustExit(exitJournal).mustSay("damaged").mustNotPanic()
			mustNotBePublished(t, tr.blobs)
			// A copy whose damage is noticed late has marked the container as its own.
			must(t, os.RemoveAll(tr.blobs))
			copyTree(t, before, tr.blobs)
		})
	}
	clfsload(t, tr.resume()...).mustExit(exitOK) // the true one
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
