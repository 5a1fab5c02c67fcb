package publish

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/state"
)

// Whatever is changed, and wherever publications are cut off: readers find what they were
// promised after every put.
func TestReadersFindWhatTheyWerePromised(t *testing.T) {
	for seed := range uint64(500) {
		checkHistory(t, randomHistory(seed))
	}
	for began := time.Now(); time.Since(began) < time.Second; {
		checkHistory(t, randomHistory(rand.Uint64()))
	}
}

func FuzzHistories(f *testing.F) {
	for seed := range uint64(10) {
		f.Add([]byte(randomHistory(seed)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkHistory(t, data[:min(len(data), 2000)]) })
}

func randomHistory(seed uint64) history {
	r := rand.New(rand.NewPCG(seed, 0))
	h := make(history, 50+r.IntN(400))
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

func checkHistory(t *testing.T, h history) {
	t.Helper()
	if violationOf(h) == "" {
		return
	}
	h = shorten(h)
	w := newWorld(h)
	var log strings.Builder
	w.log = func(format string, args ...any) { fmt.Fprintf(&log, format+"\n", args...) }
	w.play()
	t.Fatalf("%s\nhistory %#v:\n%s", w.violation, []byte(h), log.String())
}

func violationOf(h history) string {
	w := newWorld(h)
	w.play()
	return w.violation
}

// shorten leaves out what a history with a violation does not need for one.
func shorten(h history) history {
	for size := len(h) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(h); {
			if shorter := slices.Delete(slices.Clone(h), at, at+size); violationOf(shorter) != "" {
				h = shorter
			} else {
				at++
			}
		}
	}
	return h
}

// A file has two names, and each is taken by another file. Under the name whose successor is not
// uploaded readers find it still, whatever became of the other.
func TestAFileOfTwoNamesWaitsForBothSuccessors(t *testing.T) {
	j := newJournal()
	root := j.nodes[state.RootIno]
	old := j.add(root, "a", clfs.TypeRegular)
	j.link(old, root, "c")
	j.upload(old)
	j.publishAtOnce(t)
	waiting, uploaded := j.add(root, "x", clfs.TypeRegular), j.add(root, "y", clfs.TypeRegular)
	j.upload(uploaded)
	j.move(root, "x", root, "c", waiting, old)
	j.move(root, "y", root, "a", uploaded, old)
	j.beginPublication()
	steps := stepsOf(t, j.clone(), ChangedDirectories)
	want := fmt.Sprintf("a=%d [c=%d] c=%d", uploaded.Ino, waiting.Ino, old.Ino)
	if got, err := listed(Listing(t.Context(), j.clone(), steps[0])); got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
