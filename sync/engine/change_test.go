package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

const (
	one   = clfs.FirstSegmentBytes + 100
	three = clfs.FirstSegmentBytes + 2*clfs.SegmentBytes + 100
)

// Whatever a file does, what is in the container is all of it at one instant.
func TestAFileThatChangesEndsConsistent(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int64
		change func(f *fakeFile, opens int) // when the file is opened
		read   func(f *fakeFile, offset int64, nth int)
		opens  int
	}{
		{"grows after the scan", 10, func(f *fakeFile, opens int) { f.change(three) }, nil, 1},
		{"shrinks after the scan", three, func(f *fakeFile, opens int) { f.change(10) }, nil, 1},
		{"becomes empty after the scan", one, func(f *fakeFile, opens int) { f.change(0) }, nil, 1},
		{"is rewritten after the first bytes were read", one, nil, func(f *fakeFile, _ int64, nth int) {
			if nth == 2 {
				f.change(one)
			}
		}, 2},
		{"is cut while it is read", three, nil, func(f *fakeFile, _ int64, nth int) {
			if nth == 3 {
				f.change(10)
			}
		}, 2},
		{"grows, then shrinks", 10, func(f *fakeFile, opens int) { f.change([]int64{three, one}[opens-1]) },
			func(f *fakeFile, offset int64, nth int) {
				if nth == 2 {
					f.attr.Ctime++
				}
			}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, compression.None)
			file := f.file("file", c.size)
			f.scanned()
			reads := 0
			file.onOpen = func(f *fakeFile, opens int) {
				if c.change != nil && opens <= c.opens {
					c.change(f, opens)
				}
			}
			file.onRead = func(f *fakeFile, offset int64) error {
				reads++
				if c.read != nil {
					c.read(f, offset, reads)
				}
				return nil
			}
			m := mem.New()
			f.mustLoad(m)
			if file.opens != c.opens {
				t.Errorf("opened %d times, want %d", file.opens, c.opens)
			}
			f.sound(m)
			if got := f.journal.Totals(); got.FoundBytes != uint64(file.attr.Size) || got.DoneBytes != got.FoundBytes {
				t.Errorf("the file has %d bytes, the journal says %+v", file.attr.Size, got)
			}
		})
	}
}

func TestAFileThatGoesOnChangingFailsAfterThreeAttemptsAndIsRetried(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("busy", three)
	f.file("calm", 10)
	f.scanned()
	file.onOpen = func(f *fakeFile, opens int) { f.change(three - int64(opens)*clfs.SegmentBytes/2) }
	file.onRead = func(f *fakeFile, _ int64) error { f.attr.Ctime++; return nil }
	m := mem.New()
	if err := f.load(t.Context(), m); !errors.Is(err, publish.ErrIncomplete) {
		t.Fatalf("load ends with %v", err)
	}
	if file.opens != attempts {
		t.Errorf("%d attempts, want %d", file.opens, attempts)
	}
	mustFail(t, f, "busy: read: "+errChanged.Error())
	file.onOpen, file.onRead = nil, nil
	if err := f.journal.RetryFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.mustLoad(m)
	f.sound(m)
}

// mustFail compares the journal's failures.
func mustFail(t *testing.T, f *fixture, want ...string) {
	t.Helper()
	var got []string
	if err := f.journal.EachFailure(t.Context(), func(x state.FailedEntry) error {
		got = append(got, fmt.Sprintf("%s: %s: %s", x.Path, x.Op, x.Reason))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("failures %q, want %q", got, want)
	}
}

func TestEntriesThatCannotBeReadFailAloneWithAReason(t *testing.T) {
	f := newFixture(t, compression.None)
	f.file("a-gone", 5)
	f.file("b-broken", one).onRead = func(_ *fakeFile, offset int64) error {
		if offset > 0 {
			return unix.EIO
		}
		return nil
	}
	f.file("c-pipe", 5).onOpen = func(f *fakeFile, _ int) { f.attr.Type = clfs.TypeFIFO }
	f.file("d-good", 5)
	f.scanned()
	delete(f.source, "a-gone")
	m := mem.New()
	if err := f.load(t.Context(), m); !errors.Is(err, publish.ErrIncomplete) {
		t.Fatalf("load ends with %v", err)
	}
	mustFail(t, f, "a-gone: open: no such file or directory", "b-broken: read: input/output error",
		"c-pipe: open: it is no longer a regular file")
	if done := f.journal.Totals().DoneInodes; done != 1 {
		t.Errorf("%d inodes are done, want the good one", done)
	}
	for name := range blobSet(t, m) {
		if nameOf(t, name).Type == clfs.TypeDirectory {
			t.Errorf("directory %s was written although entries failed", name)
		}
	}
}

func TestPublishIncompleteLeavesNothingOfWhatFailed(t *testing.T) {
	f := newFixture(t, compression.None)
	f.dir("d")
	f.file("d/good", 5)
	f.file("d/broken", three).onRead = func(_ *fakeFile, offset int64) error {
		if offset > clfs.FirstSegmentBytes {
			return unix.EIO
		}
		return nil
	}
	f.hardlinks("d", "x", "y").onRead = func(*fakeFile, int64) error { return unix.EIO }
	f.scanned()
	m := mem.New()
	e := f.engine(m, 4)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Upload(t.Context(), f.source, closed); err != nil {
		t.Fatal(err)
	}
	if err := e.Publish(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"d/broken", "d/x", "d/y"} {
		delete(f.source, p)
	}
	f.sound(m)
}

// No segment is ever put that the journal does not know of: it could not be found
// again when the file is shorter the next time.
func TestTheJournalKnowsTheNewSizeBeforeAnythingOfItIsPut(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("file", 10)
	f.scanned()
	file.onOpen = func(f *fakeFile, opens int) { f.change(three) }
	c := &spy{Container: mem.New()}
	c.before = func(name string, _ []byte) error {
		n := nameOf(t, name)
		if n.Type != clfs.TypeSegment {
			return nil
		}
		in, err := f.journal.Inode(t.Context(), clfs.FirstSequence+1)
		if err != nil {
			return err
		}
		if in.Attr.Size != three {
			return fmt.Errorf("%s is put while the journal has a size of %d", name, in.Attr.Size)
		}
		return nil
	}
	f.mustLoad(c)
	f.sound(c)
}

func TestAFileThatShrinksBetweenTwoRunsLeavesNoBlocks(t *testing.T) {
	f := newFixture(t, compression.None)
	file := f.file("file", three)
	f.scanned()
	stop := errors.New("stop")
	c := &spy{Container: mem.New()}
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeRegular {
			return stop
		}
		return nil
	}
	if err := f.load(t.Context(), c); !errors.Is(err, stop) {
		t.Fatalf("load ends with %v", err)
	}
	file.change(one)
	c.before = nil
	f.mustLoad(c)
	f.sound(c)
}
