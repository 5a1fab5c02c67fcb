package fetch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// source is where the values of a test come from: each is its key, and takes 10 bytes.
type source struct {
	*Cache[int, int]
	t       *testing.T
	fetched atomic.Int64
	hold    chan struct{} // fetches end when it is closed
	time    time.Time
}

const each = 10

func newSource(t *testing.T, values int64) *source {
	s := &source{Cache: New[int, int](t.Context(), values*each), t: t, hold: make(chan struct{}), time: time.Unix(1_700_000_000, 0)}
	close(s.hold)
	s.now = func() time.Time { return s.time }
	return s
}

func (s *source) fetchOf(key int) Func[int] {
	hold := s.hold
	return func(context.Context) (int, int64, error) {
		<-hold
		s.fetched.Add(1)
		return key, each, nil
	}
}

func (s *source) get(key int) {
	s.t.Helper()
	if v, err := s.Get(s.t.Context(), key, each, s.fetchOf(key)); v != key || err != nil {
		s.t.Fatalf("value %d of key %d, %v", v, key, err)
	}
}

// foreseen fetches ahead and waits for that. It reports false if there was no room.
func (s *source) foreseen(key int) bool {
	room := s.Ahead(key, each, s.fetchOf(key))
	if room {
		s.mu.Lock()
		ready := s.items[key].ready
		s.mu.Unlock()
		<-ready
	}
	return room
}

func (s *source) has(keys ...int) bool {
	for _, key := range keys {
		if !s.Has(key) {
			return false
		}
	}
	return true
}

func TestTheValueThatWasNotReadForLongestMakesRoom(t *testing.T) {
	s := newSource(t, 3)
	for _, key := range []int{1, 2, 3, 1, 4} {
		s.get(key)
	}
	if s.has(2) || !s.has(1, 3, 4) || s.fetched.Load() != 4 {
		t.Errorf("fetched %d; 2 is there: %v", s.fetched.Load(), s.has(2))
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	s := newSource(t, 3)
	broken := errors.New("broken")
	for range 2 {
		_, err := s.Get(t.Context(), 1, each, func(context.Context) (int, int64, error) { return 0, 0, broken })
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	s.get(1)
	if s.used != each || s.flying != 0 || s.Cache.ahead != 0 {
		t.Errorf("%d bytes kept, %d in flight, %d ahead", s.used, s.flying, s.Cache.ahead)
	}
}

func TestOneReaderInOrderHasThreeQuartersFetchedAhead(t *testing.T) {
	s := newSource(t, 8)
	s.get(0)
	ahead := 0
	for key := 1; s.foreseen(key); key++ {
		ahead++
	}
	if ahead != 6 || !s.has(0) {
		t.Errorf("%d values ahead; the one that is read is there: %v", ahead, s.has(0))
	}
	for key := 1; key < 30; key++ { // each that was read makes room for another
		s.get(key)
		if key > 1 {
			s.Passed(key - 2)
		}
		s.foreseen(key + 6)
		if !s.has(key, key+1, key+5) {
			t.Fatalf("at %d", key)
		}
	}
	if n := s.fetched.Load(); n > 36 {
		t.Errorf("%d values were fetched", n)
	}
}

func TestNobodyTakesAwayWhatOthersAreAboutToRead(t *testing.T) {
	s := newSource(t, 8)
	for reader := range 4 {
		s.get(100 * reader)
	}
	for n := 1; n < 10; n++ {
		for reader := range 4 {
			s.foreseen(100*reader + n)
		}
	}
	if !s.has(0, 100, 200, 300, 1, 101, 201, 301) {
		t.Error("a value is gone")
	}
	for reader := range 4 { // a reader who waits gets room all the same
		s.get(100*reader + 50)
	}
	if s.used > s.limit {
		t.Errorf("%d bytes", s.used)
	}
}

func TestWhatWasFetchedAheadInVainMakesRoomAfterAWhile(t *testing.T) {
	s := newSource(t, 4)
	s.foreseen(1)
	s.foreseen(2)
	s.foreseen(3)
	if s.foreseen(4) {
		t.Error("there was room for a fourth")
	}
	s.time = s.time.Add(2 * patience)
	for key := 11; key <= 13; key++ {
		if !s.foreseen(key) {
			t.Errorf("there was no room for %d", key)
		}
	}
	if s.used > s.limit || s.Cache.ahead != 3*each {
		t.Errorf("%d bytes, %d ahead", s.used, s.Cache.ahead)
	}
}

func TestWhatIsInFlightCounts(t *testing.T) {
	s := newSource(t, 4)
	for key := range 4 {
		s.get(key)
	}
	s.time = s.time.Add(2 * moment)
	s.hold = make(chan struct{})
	for key := 10; key < 20; key++ {
		s.Ahead(key, each, s.fetchOf(key))
	}
	s.mu.Lock()
	if s.used+s.flying > s.limit || s.flying != 3*each {
		t.Errorf("%d bytes kept, %d in flight", s.used, s.flying)
	}
	s.mu.Unlock()
	close(s.hold)
	s.get(10)
}

// windows are those that a sequence asks for while reads of 128 KiB are done at offsets.
func windows(s *Sequence, offsets ...uint64) (asked []uint64) {
	for _, off := range offsets {
		s.Follow(off, 128<<10, off>>23, func(window uint64) { asked = append(asked, window) })
	}
	return asked
}

// inSteps are offsets from..to in steps of 128 KiB.
func inSteps(from, to uint64) (offsets []uint64) {
	for off := from; off < to; off += 128 << 10 {
		offsets = append(offsets, off)
	}
	return offsets
}

func TestTheWindowGrowsWhileAFileIsReadInOrder(t *testing.T) {
	var s Sequence
	if got := windows(&s, inSteps(100<<20, 100<<20+inOrder-1<<17)...); len(got) > 0 {
		t.Errorf("windows %v at the beginning", got)
	}
	got := windows(&s, inSteps(100<<20+inOrder-1<<17, 140<<20)...)
	if len(got) != 6 || got[0] != 1 || got[5] != 32 {
		t.Errorf("windows %v", got)
	}
}

func TestRandomReadsFetchNothingAhead(t *testing.T) {
	var s Sequence
	if got := windows(&s, 500<<20, 3<<20, 77<<20, 0, 40<<20, 300<<20, 20<<20, 9<<20, 90<<20, 0); len(got) > 0 {
		t.Errorf("windows %v", got)
	}
}

func TestRequestsThatOvertakeEachOtherAreInOrder(t *testing.T) {
	var s Sequence
	offsets := inSteps(0, 40<<20)
	for i := 0; i+4 < len(offsets); i += 4 {
		offsets[i], offsets[i+3] = offsets[i+3], offsets[i]
	}
	if got := windows(&s, offsets...); len(got) != 5 || got[4] != 16 {
		t.Errorf("windows %v", got)
	}
}

func TestAJumpEndsTheSequence(t *testing.T) {
	var s Sequence
	windows(&s, inSteps(0, 40<<20)...)
	if got := windows(&s, 900<<20, 905<<20); len(got) > 0 {
		t.Errorf("windows %v after the jump", got)
	}
	if got := windows(&s, inSteps(905<<20, 925<<20)...); len(got) == 0 || got[0] != 1 {
		t.Errorf("windows %v", got)
	}
}
