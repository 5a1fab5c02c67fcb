package main

import (
	"sync"
	"time"
)

// sample is how far a transfer had come at one moment.
type sample struct {
	at           time.Time
	done, found  int64 // objects
	bytes, total int64 // of file contents
	moved        int64 // of bytes, what this run has done: what rates are of
	failures     int64
	listed       bool // found and total will not grow any more

	// What found and total are expected to become; 0: not known.
	expectedObjects, expectedBytes int64
}

// window is the time that rates are averaged over.
const window = 15 * time.Second

// meter turns samples into rates and an estimate of what is left.
type meter struct {
	mu      sync.Mutex
	samples []sample // the oldest first, none older than window but the first
}

func (m *meter) add(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = append(m.samples, s)
	for len(m.samples) > 2 && s.at.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
}

func (m *meter) last() sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) == 0 {
		return sample{}
	}
	return m.samples[len(m.samples)-1]
}

// rates returns objects and bytes a second.
func (m *meter) rates() (objects, bytes float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) < 2 {
		return 0, 0
	}
	a, b := m.samples[0], m.samples[len(m.samples)-1]
	seconds := b.at.Sub(a.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return float64(b.done-a.done) / seconds, max(0, float64(b.moved-a.moved)/seconds)
}

// goal is what a total will be at the end, or 0 if that is not known. What was
// found corrects an expectation that was too low.
func (s *sample) goal(found, expected int64) int64 {
	switch {
	case s.listed:
		return found
	case expected == 0:
		return 0
	}
	return max(found, expected)
}

// remaining estimates the time to the end; ok is false while nobody can know. Of
// objects and bytes one may stand still while the other goes on: no object ends
// while a few huge files are on their way, and no bytes come of empty files.
func (m *meter) remaining() (left time.Duration, ok bool) {
	s := m.last()
	if !s.listed && s.expectedObjects == 0 && s.expectedBytes == 0 {
		return 0, false
	}
	objects, bytes := m.rates()
	waits := false
	for _, q := range []struct{ left, rate float64 }{
		{float64(s.goal(s.found, s.expectedObjects) - s.done - s.failures), objects},
		{float64(s.goal(s.total, s.expectedBytes) - s.bytes), bytes},
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
