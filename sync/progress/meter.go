package progress

import (
	"sync"
	"time"
)

// Sample is the progress of a transfer at one moment.
type Sample struct {
	At           time.Time
	Done, Found  int64 // objects
	Bytes, Total int64 // of file contents
	Moved        int64 // bytes transferred by this run, for the rates
	Failures     int64
	Listed       bool // found and total are final

	// Expected final values of found and total; 0: not known.
	ExpectedObjects, ExpectedBytes int64
}

// window is the time that rates are averaged over.
const window = 15 * time.Second

// Meter turns samples into rates and an estimate of the remaining time.
type Meter struct {
	mu      sync.Mutex
	samples []Sample // the oldest first, none older than window but the first
}

func (m *Meter) Add(s Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = append(m.samples, s)
	for len(m.samples) > 2 && s.At.Sub(m.samples[1].At) >= window {
		m.samples = m.samples[1:]
	}
}

func (m *Meter) Last() Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) == 0 {
		return Sample{}
	}
	return m.samples[len(m.samples)-1]
}

// Rates returns objects and bytes a second.
func (m *Meter) Rates() (objects, bytes float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) < 2 {
		return 0, 0
	}
	a, b := m.samples[0], m.samples[len(m.samples)-1]
	seconds := b.At.Sub(a.At).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(b.Done-a.Done) / seconds, max(0, float64(b.Moved-a.Moved)/seconds)
}

// goal is the expected final total, or 0 if that is not known. An expectation below the number
// found is corrected.
func (s *Sample) goal(found, expected int64) int64 {
	switch {
	case s.Listed:
		return found
	case expected == 0:
		return 0
	}
	return max(found, expected)
}

// Remaining estimates the time to the end; ok is false while it cannot be known. Either objects or
// bytes may stand still while the other advances: no object ends while a few huge files are
// transferred, and empty files have no bytes.
func (m *Meter) Remaining() (left time.Duration, ok bool) {
	s := m.Last()
	if !s.Listed && s.ExpectedObjects == 0 && s.ExpectedBytes == 0 {
		return 0, false
	}
	objects, bytes := m.Rates()
	waits := false
	for _, q := range []struct{ left, rate float64 }{
		{float64(s.goal(s.Found, s.ExpectedObjects) - s.Done - s.Failures), objects},
		{float64(s.goal(s.Total, s.ExpectedBytes) - s.Bytes), bytes},
	} {
		switch {
		case q.left <= 0:
		case q.rate <= 0:
			waits = true
		default:
			ok = true
			left = max(left, time.Duration(q.left/q.rate*float64(time.Second)))
		}
	}
	return left, ok || !waits
}
