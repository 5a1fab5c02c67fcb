package writable

import (
	"errors"
	"time"

	"clfsload/rescue"
	"clfsload/state"
)

// work starts what goes on in the background.
func (s *FS) work(loops ...func()) {
	for _, loop := range loops {
		s.loops.Go(func() {
			for s.panics(loop) {
			}
		})
	}
}

// panics runs a loop and reports whether it has panicked and must go on, after a while.
func (s *FS) panics(loop func()) bool {
	err := rescue.Call(func() error { loop(); return nil })
	var p *rescue.Panic
	if !errors.As(err, &p) {
		return false
	}
	s.log.Error("a task of the mount failed", "error", p, "stack", string(p.Stack))
	select {
	case <-time.After(time.Second):
	case <-s.ctx.Done():
	}
	return s.ctx.Err() == nil
}

// every does something at an interval until the file system is closed, and logs when
// that fails.
func (s *FS) every(interval time.Duration, what string, do func() error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		if err := do(); err != nil && s.ctx.Err() == nil {
			s.log.Error(what+"; this is tried again", "error", err)
		}
	}
}

// counting counts the staging files and removes those of inodes that are gone.
func (s *FS) counting() {
	err := s.staging.Sweep(s.ctx, func(ino state.Ino) (stays bool, err error) { return s.reaper.Found(s.ctx, ino) })
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("the staging files are not all counted", "error", err)
	}
}

// reapInterval is how long removals are gathered: making them durable costs one
// sync of the journal for all.
const reapInterval = 500 * time.Millisecond

// reaping removes the staging files of removed nodes, until the file system is
// closed.
func (s *FS) reaping() {
	s.every(reapInterval, "remove staging files of removed files", func() error { return s.reaper.Reap(s.ctx) })
}

// evicting makes room, until the file system is closed.
func (s *FS) evicting() { s.evictor.Run(s.ctx) }

// dropInterval is how often it is looked whether the journal knows too much.
const dropInterval = 5 * time.Second

// dropping keeps the journal small, until the file system is closed.
func (s *FS) dropping() {
	if s.options.Adopter == nil {
		return
	}
	s.every(dropInterval, "drop what was only read", func() error { return s.partial.Drop(s.ctx) })
}
