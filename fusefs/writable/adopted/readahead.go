package adopted

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
	// aheadAtOnce is how many inodes are read ahead at a time.
	aheadAtOnce = 64
	// aheadCredit is how many more inodes are read for each entry that is looked at. It is what
	// the first entries that were not read yet bring as well; each brings twice as many as the one
	// before. mostCredit are read without another look.
	aheadCredit = 8
	mostCredit  = 512
	// aheadPage is how many entries are asked for at a time.
	aheadPage = 128
	// aheadDirs is how many directories are remembered at most.
	aheadDirs = 1024
)

// readAhead reads the inodes of directories ahead.
type readAhead struct {
	ctx     context.Context
	journal *state.Journal
	adopter Source
	slots   *semaphore.Weighted

	mu   sync.Mutex
	dirs map[state.Ino]*looking
}

// looking is a directory whose entries are looked at.
type looking struct {
	misses  int
	window  int // what the last miss has brought
	credit  int
	running bool
	after   uint64 // cookie
}

func newReadAhead(ctx context.Context, j *state.Journal, a Source) *readAhead {
	return &readAhead{ctx: ctx, journal: j, adopter: a, slots: semaphore.NewWeighted(aheadAtOnce), dirs: map[state.Ino]*looking{}}
}

// missed is told that an entry of a directory was looked at which was not read yet.
func (a *readAhead) missed(dir state.Ino) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.dirs[dir]
	if d == nil {
		if len(a.dirs) >= aheadDirs {
			a.dropOne()
		}
		d = &looking{}
		a.dirs[dir] = d
	}
	d.misses++
	d.window = min(max(2*d.window, aheadCredit), aheadPage)
	d.credit = min(d.credit+d.window, mostCredit)
	if d.misses > 1 && !d.running {
		d.running = true
		go func() {
			if err := rescue.Call(func() error { a.run(dir, d); return nil }); err != nil {
				a.end(dir, d, true)
			}
		}()
	}
}

// dropOne makes room for another directory. mu is held.
func (a *readAhead) dropOne() {
	for dir, d := range a.dirs {
		if !d.running {
			delete(a.dirs, dir)
			return
		}
	}
}

// looked is told that an entry of a directory was looked at.
func (a *readAhead) looked(dir state.Ino) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.dirs[dir]; d != nil {
		d.credit = min(d.credit+aheadCredit, mostCredit)
	}
}

// run reads inodes until there is no credit or no entry left.
func (a *readAhead) run(dir state.Ino, d *looking) {
	for {
		page, err := a.journal.RemoteEntries(a.ctx, dir, d.after, aheadPage)
		if err != nil || len(page) == 0 {
			a.end(dir, d, true)
			return
		}
		for _, e := range page {
			if !a.spend(d) || a.slots.Acquire(a.ctx, 1) != nil {
				a.end(dir, d, false)
				return
			}
			d.after = e.Cookie
			go a.read(e.Ino)
		}
	}
}

func (a *readAhead) read(ino state.Ino) {
	defer a.slots.Release(1)
	// Whoever wants it will see the error.
	_ = rescue.Call(func() error {
		return a.adopter.Read(a.ctx, state.Unread{Ino: ino, Part: state.Attributes})
	})
}

func (a *readAhead) spend(d *looking) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	d.credit--
	return d.credit >= 0
}

// end notes that nothing is read ahead in a directory. whole: all of it was gone through.
func (a *readAhead) end(dir state.Ino, d *looking, whole bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d.running, d.credit = false, 0
	if whole {
		delete(a.dirs, dir)
	}
}

// IsReadingAhead reports whether inodes are being read ahead.
func (p *Part) IsReadingAhead() bool {
	a := p.ahead
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range a.dirs {
		if d.running {
			return true
		}
	}
	if !a.slots.TryAcquire(aheadAtOnce) {
		return true
	}
	a.slots.Release(aheadAtOnce)
	return false
}
