package mounted

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"clfsload/tests/exerciser"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// Storm is several programs at work in a mount, each in a directory of its own. Every
// third mostly changes names: those are what a publication has to keep whole.
type Storm struct {
	Programs  []*exerciser.Exerciser
	Steps     atomic.Int64
	due       atomic.Int64 // the number of steps at which act is called
	act       func()
	Published int // entries that were within reach after the last kill
}

func NewStorm(t *testing.T, i *Intake, programs int, random *rand.Rand) *Storm {
	t.Helper()
	s := &Storm{}
	for n := range programs {
		e, err := exerciser.New(i.Directory(fmt.Sprint("program-", n)), exerciser.Options{
			Seed: random.Uint64(), Entries: 60, Large: 9 << 20, Small: 40_000, Names: n%3 == 2})
		harness.Must(t, err)
		t.Cleanup(func() { _ = e.Close() })
		s.Programs = append(s.Programs, e)
	}
	return s
}

// Blow lets the programs work until the file system is gone. At so many steps from now
// act is called, while they go on.
func (s *Storm) Blow(t *testing.T, steps int64, act func()) {
	t.Helper()
	s.act = act
	s.due.Store(s.Steps.Load() + steps)
	var programs sync.WaitGroup
	for _, e := range s.Programs {
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
				if s.Steps.Add(1) == s.due.Load() {
					act()
				}
			}
		})
	}
	programs.Wait()
}

// Resume wants all to be there that the programs were told has happened.
func (s *Storm) Resume(t *testing.T, before harness.Result) {
	t.Helper()
	if t.Failed() {
		t.Log(harness.Clip(before.Stderr))
	}
	for _, e := range s.Programs {
		if err := e.Resume(); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// GoOn mounts again after a kill. What was published must be within reach in the
// container that the kill has left, blobs, and what was acknowledged in the mount.
func (s *Storm) GoOn(t *testing.T, i *Intake, blobs func() inventory.Blobs) {
	t.Helper()
	ended := i.Await().MustExit(-1).MustNotPanic()
	if now := trees.Readable(t, blobs()); len(now) < min(1, s.Published) {
		t.Error("what was published is out of reach")
	} else {
		s.Published = len(now)
	}
	i.Again(BusyFlags...)
	s.Resume(t, ended)
}
