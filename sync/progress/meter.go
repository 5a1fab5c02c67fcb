package progress

import (
	"sync"
	"time"
)

// Sample is how far a transfer had come at one moment.
type Sample struct {
	At           time.Time
	Done, Found  int64 // objects
	Bytes, Total int64 // of file contents
	Moved        int64 // of bytes, what this run has done: what rates are of
	Failures     int64
	Listed       bool // found and total will not grow any more

	// What found and total are expected to become; 0: not known.
	ExpectedObjects, ExpectedBytes int64
}

// window is the time that rates are averaged over.
const window = 15 * time.Second

// Meter turns samples into rates and an estimate of what is left.
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

// goal is what a total will be at the end, or 0 if that is not known. What was
// found corrects an expectation that was too low.
func (s *Sample) goal(found, expected int64) int64 {
	switch {
	case s.Listed:
		return found
	case expected == 0:
		return 0
	}
	return max(found, expected)
}

// Remaining estimates the time to the end; ok is false while nobody can know. Of
// objects and bytes one may stand still while the other goes on: no object ends
// while a few huge files are on their way, and no bytes come of empty files.
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
