package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"clfsload/tests/exerciser"
	"clfsload/tests/inventory"
)

// storm is several programs at work in a mount, each in a directory of its own. Every
// third mostly changes names: those are what a publication has to keep whole.
type storm struct {
	programs  []*exerciser.Exerciser
	steps     atomic.Int64
	due       atomic.Int64 // the number of steps at which act is called
	act       func()
	published int // entries that were within reach after the last kill
}

func newStorm(t *testing.T, i *intake, programs int, random *rand.Rand) *storm {
	t.Helper()
	s := &storm{}
	for n := range programs {
		e, err := exerciser.New(i.directory(fmt.Sprint("program-", n)), exerciser.Options{
			Seed: random.Uint64(), Entries: 60, Large: 9 << 20, Small: 40_000, Names: n%3 == 2})
		must(t, err)
		t.Cleanup(func() { _ = e.Close() })
		s.programs = append(s.programs, e)
	}
	return s
}

// blow lets the programs work until the file system is gone. At so many steps from now
// act is called, while they go on.
func (s *storm) blow(t *testing.T, steps int64, act func()) {
	t.Helper()
	s.act = act
	s.due.Store(s.steps.Load() + steps)
	var programs sync.WaitGroup
	for _, e := range s.programs {
		programs.Go(func() {
			for {
				err := e.Step()
				if errors.Is(err, exerciser.ErrInterrupted) {
					return
				}
				if err != nil {
					t.Error(err)
					act()
					return
				}
				if s.steps.Add(1) == s.due.Load() {
					act()
				}
			}
		})
	}
	programs.Wait()
}

// resume wants all to be there that the programs were told has happened.
func (s *storm) resume(t *testing.T, before result) {
	t.Helper()
	if t.Failed() {
		t.Log(clip(before.stderr))
	}
	for _, e := range s.programs {
		if err := e.Resume(); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// goOn mounts again after a kill. What was published must be within reach in the
// container that the kill has left, blobs, and what was acknowledged in the mount.
func (s *storm) goOn(t *testing.T, i *intake, blobs func() inventory.Blobs) {
	t.Helper()
	ended := i.await().mustExit(-1).mustNotPanic()
	if now := readable(t, blobs()); len(now) < min(1, s.published) {
		t.Error("what was published is out of reach")
	} else {
		s.published = len(now)
	}
	i.again(busyFlags...)
	s.resume(t, ended)
}
