package writable

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"clfsload/rescue"
	"clfsload/state"
)

// Whoever looks at the entries of a directory one after the other would wait for the container
// at each. So, from the second entry on that was not read yet, the others are read in the order
// of the listing, many at a time, as long as somebody goes on looking.

const (
	// sweepsAtOnce is how many inodes are read ahead at a time.
	sweepsAtOnce = 64
	// sweepCredit is how many more inodes are read for each entry that is looked at. It is what
	// the first entries that were not read yet bring as well; each brings twice as many as the one
	// before. mostCredit are read without another look.
	sweepCredit = 8
	mostCredit  = 512
	// sweepPage is how many entries are asked for at a time.
	sweepPage = 128
	// sweepsKept is how many directories are remembered at most.
	sweepsKept = 1024
)

// sweeps reads the inodes of directories ahead.
type sweeps struct {
	system *FS
	slots  *semaphore.Weighted

	mu   sync.Mutex
	dirs map[state.Ino]*sweep
}

// sweep is a directory whose entries are looked at.
type sweep struct {
	misses  int
	window  int // what the last miss has brought
	credit  int
	running bool
	after   uint64 // cookie
}

func newSweeps(s *FS) *sweeps {
	return &sweeps{system: s, slots: semaphore.NewWeighted(sweepsAtOnce), dirs: map[state.Ino]*sweep{}}
}

// missed is told that an entry of a directory was looked at which was not read yet.
func (w *sweeps) missed(dir state.Ino) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.dirs[dir]
	if d == nil {
		if len(w.dirs) >= sweepsKept {
			w.forgetOne()
		}
		d = &sweep{}
		w.dirs[dir] = d
	}
	d.misses++
	d.window = min(max(2*d.window, sweepCredit), sweepPage)
	d.credit = min(d.credit+d.window, mostCredit)
	if d.misses > 1 && !d.running {
		d.running = true
		go func() {
			if err := rescue.Call(func() error { w.run(dir, d); return nil }); err != nil {
				w.end(dir, d, true)
			}
		}()
	}
}

// forgetOne makes room for another directory. mu is held.
func (w *sweeps) forgetOne() {
	for dir, d := range w.dirs {
		if !d.running {
			delete(w.dirs, dir)
			return
		}
	}
}

// looked is told that an entry of a directory was looked at.
func (w *sweeps) looked(dir state.Ino) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.dirs[dir]; d != nil {
		d.credit = min(d.credit+sweepCredit, mostCredit)
	}
}

// run reads inodes until there is no credit or no entry left.
func (w *sweeps) run(dir state.Ino, d *sweep) {
	ctx := w.system.ctx
	for {
		page, err := w.system.journal.RemoteEntries(ctx, dir, d.after, sweepPage)
		if err != nil || len(page) == 0 {
			w.end(dir, d, true)
			return
		}
		for _, e := range page {
			if !w.spend(d) || w.slots.Acquire(ctx, 1) != nil {
				w.end(dir, d, false)
				return
			}
			d.after = e.Cookie
			go w.readAhead(ctx, e.Ino)
		}
	}
}

func (w *sweeps) readAhead(ctx context.Context, ino state.Ino) {
	defer w.slots.Release(1)
	// Whoever wants it will see the error.
	_ = rescue.Call(func() error {
		return w.system.options.Adopter.Read(ctx, state.Unread{Ino: ino, Part: state.Attributes})
	})
}

func (w *sweeps) spend(d *sweep) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	d.credit--
	return d.credit >= 0
}

// end notes that nothing is read ahead in a directory. whole: all of it was gone through.
func (w *sweeps) end(dir state.Ino, d *sweep, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d.running, d.credit = false, 0
	if whole {
		delete(w.dirs, dir)
	}
}
