package progress

import (
	"testing"
	"time"
)

// meterAt returns a meter that saw the load do 10 objects and 1000 bytes a second.
func meterAt(s Sample) *Meter {
	m := &Meter{}
	start := time.Unix(1000, 0)
	before := s
	before.At, before.Done, before.Moved = start, s.Done-100, s.Moved-10_000
	s.At = start.Add(10 * time.Second)
	m.Add(before)
	m.Add(s)
	return m
}

func TestTheTimeLeftIsToldOnceTheTotalsAreKnown(t *testing.T) {
	for title, c := range map[string]struct {
		Sample
		left time.Duration
		ok   bool
	}{
		"still listing":        {Sample{Done: 100, Found: 200, Bytes: 10_000, Total: 20_000}, 0, false},
		"objects are slower":   {Sample{Done: 100, Found: 600, Bytes: 10_000, Total: 20_000, Listed: true}, 50 * time.Second, true},
		"bytes are slower":     {Sample{Done: 100, Found: 200, Bytes: 10_000, Total: 90_000, Listed: true}, 80 * time.Second, true},
		"failures are over":    {Sample{Done: 100, Found: 200, Failures: 50, Bytes: 10_000, Total: 10_000, Listed: true}, 5 * time.Second, true},
		"nothing is left":      {Sample{Done: 100, Found: 100, Bytes: 10_000, Total: 10_000, Listed: true}, 0, true},
		"count from a dry run": {Sample{Done: 100, Found: 200, Bytes: 10_000, Total: 20_000, ExpectedObjects: 1100}, 100 * time.Second, true},
		"size from a dry run":  {Sample{Done: 100, Found: 200, Bytes: 10_000, Total: 20_000, ExpectedBytes: 30_000}, 20 * time.Second, true},
		"dry run was too low":  {Sample{Done: 100, Found: 400, Bytes: 10_000, Total: 20_000, ExpectedObjects: 150}, 30 * time.Second, true},
		"dry run is outdated":  {Sample{Done: 100, Found: 200, Bytes: 10_000, Total: 10_000, ExpectedObjects: 9999, Listed: true}, 10 * time.Second, true},
	} {
		left, ok := meterAt(c.Sample).Remaining()
		if left != c.left || ok != c.ok {
			t.Errorf("%s: %s %v, not %s %v", title, left, ok, c.left, c.ok)
		}
	}
}

func TestTheTimeLeftIsToldOfHugeFilesAndOfEmptyOnes(t *testing.T) {
	for title, c := range map[string]struct {
		now  Sample // ten seconds after the start
		left time.Duration
		ok   bool
	}{
		"a huge file goes on": {Sample{Found: 2, Moved: 10_000, Bytes: 10_000, Total: 90_000, Listed: true}, 80 * time.Second, true},
		"only empty files":    {Sample{Done: 100, Found: 300, Total: 90_000, Listed: true}, 20 * time.Second, true},
		"all stands still":    {Sample{Found: 2, Total: 90_000, Listed: true}, 0, false},
		"bytes were dropped":  {Sample{Found: 2, Moved: -10_000, Total: 90_000, Listed: true}, 0, false},
	} {
		m := &Meter{}
		start := time.Unix(1000, 0)
		m.Add(Sample{At: start})
		c.now.At = start.Add(10 * time.Second)
		m.Add(c.now)
		if left, ok := m.Remaining(); left != c.left || ok != c.ok {
			t.Errorf("%s: %s %v, not %s %v", title, left, ok, c.left, c.ok)
		}
	}
}
