package main

import (
	"testing"
	"time"
)

// meterAt returns a meter that saw the load do 10 objects and 1000 bytes a second.
func meterAt(s sample) *meter {
	m := &meter{}
	start := time.Unix(1000, 0)
	before := s
	before.at, before.done, before.moved = start, s.done-100, s.moved-10_000
	s.at = start.Add(10 * time.Second)
	m.add(before)
	m.add(s)
	return m
}

func TestTheTimeLeftIsToldOnceTheTotalsAreKnown(t *testing.T) {
	for title, c := range map[string]struct {
		sample
		left time.Duration
		ok   bool
	}{
		"still listing":        {sample{done: 100, found: 200, bytes: 10_000, total: 20_000}, 0, false},
		"objects are slower":   {sample{done: 100, found: 600, bytes: 10_000, total: 20_000, listed: true}, 50 * time.Second, true},
		"bytes are slower":     {sample{done: 100, found: 200, bytes: 10_000, total: 90_000, listed: true}, 80 * time.Second, true},
		"failures are over":    {sample{done: 100, found: 200, failures: 50, bytes: 10_000, total: 10_000, listed: true}, 5 * time.Second, true},
		"nothing is left":      {sample{done: 100, found: 100, bytes: 10_000, total: 10_000, listed: true}, 0, true},
		"count from a dry run": {sample{done: 100, found: 200, bytes: 10_000, total: 20_000, expectedObjects: 1100}, 100 * time.Second, true},
		"size from a dry run":  {sample{done: 100, found: 200, bytes: 10_000, total: 20_000, expectedBytes: 30_000}, 20 * time.Second, true},
		"dry run was too low":  {sample{done: 100, found: 400, bytes: 10_000, total: 20_000, expectedObjects: 150}, 30 * time.Second, true},
		"dry run is outdated":  {sample{done: 100, found: 200, bytes: 10_000, total: 10_000, expectedObjects: 9999, listed: true}, 10 * time.Second, true},
	} {
		left, ok := meterAt(c.sample).remaining()
		if left != c.left || ok != c.ok {
			t.Errorf("%s: %s %v, not %s %v", title, left, ok, c.left, c.ok)
		}
	}
}

func TestTheTimeLeftIsToldOfHugeFilesAndOfEmptyOnes(t *testing.T) {
	for title, c := range map[string]struct {
		now  sample // ten seconds after the start
		left time.Duration
		ok   bool
	}{
		"a huge file goes on": {sample{found: 2, moved: 10_000, bytes: 10_000, total: 90_000, listed: true}, 80 * time.Second, true},
		"only empty files":    {sample{done: 100, found: 300, total: 90_000, listed: true}, 20 * time.Second, true},
		"all stands still":    {sample{found: 2, total: 90_000, listed: true}, 0, false},
		"bytes were dropped":  {sample{found: 2, moved: -10_000, total: 90_000, listed: true}, 0, false},
	} {
		m := &meter{}
		start := time.Unix(1000, 0)
		m.add(sample{at: start})
		c.now.at = start.Add(10 * time.Second)
		m.add(c.now)
		if left, ok := m.remaining(); left != c.left || ok != c.ok {
			t.Errorf("%s: %s %v, not %s %v", title, left, ok, c.left, c.ok)
		}
	}
}
