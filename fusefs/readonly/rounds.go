package readonly

import (
	"context"
	"sync"
	"time"

	"clfsload/fusefs"
	"clfsload/rescue"
)

// A Publication is what a container tells of its last publication.
type Publication struct {
	// ID changes before the first put of a publication that a reader can reach. Empty:
	// the container does not tell.
	ID string
	// Over says that the publication is complete, and that the next one changes ID.
	Over bool
}

// rounds say how long a follower may show what it has read.
//
// A round begins with a look at the publication that the container holds. It lasts
// one interval, and the kernel keeps names and attributes until it ends. A version of an
// inode is shown in a round if it was found to be the newest one
//
//   - in this round, or
//   - in an earlier round, if every look since that round's has found the same
//     publication, which was over: no object was replaced between two such looks.
//
// So what is shown was the newest version at some time since the round began, which is
// one interval ago at most: a change is seen one interval after its publication was complete, or
// earlier. A container of a mount that runs never says that its publication is over. Then each
// inode that is used costs a listing of its versions in each round. Otherwise a round costs one
// request, and a mount that nobody uses none, because a round begins with the first call that
// needs it.
//
// Both rounds and single inodes are renewed, an inode when something that it leads to is
// gone. Stamps put them in one order: each renewal takes the next number.
type rounds struct {
	ctx      context.Context // of the mount
	interval time.Duration   // 0: the container does not change, and there are no rounds
	look     func(context.Context) (Publication, error)

	mu      sync.Mutex
	stamp   uint64 // of the last renewal
	now     round
	last    Publication
	looking *looking // nil: no look is under way
}

// A round says what may be shown now.
type round struct {
	since uint64    // the least stamp of what may be shown
	until time.Time // when the round ends
}

// looking is a look at the publication that is under way.
type looking struct {
	done  chan struct{} // closed when round and err are set
	round round
	err   error
}

// kernelSlack is how much later than it is told the kernel may forget: it counts in
// ticks, of 10 ms at most.
const kernelSlack = 10 * time.Millisecond

// current returns the round, and begins one if the last has ended. It returns the round of a
// look that it has waited for also if that has ended since.
func (r *rounds) current(ctx context.Context) (round, error) {
	if r.interval == 0 {
		return round{}, nil
	}
	r.mu.Lock()
	if time.Now().Before(r.now.until) {
		defer r.mu.Unlock()
		return r.now, nil
	}
	l := r.looking
	if l == nil {
		l = &looking{done: make(chan struct{})}
		r.looking = l
		go r.begin(l)
	}
	r.mu.Unlock()
	if err := fusefs.Await(ctx, l.done); err != nil {
		return round{}, err
	}
	return l.round, l.err
}

// begin begins a round.
func (r *rounds) begin(l *looking) {
	began := time.Now()
	var p Publication
	l.err = rescue.Call(func() (err error) {
		p, err = r.look(r.ctx)
		return err
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(l.done)
	r.looking = nil
	if l.err != nil {
		return
	}
	r.stamp++
	unchanged := p.ID != "" && p.Over && p == r.last
	if r.last = p; !unchanged {
		r.now.since = r.stamp
	}
	r.now.until = began.Add(r.interval - kernelSlack)
	l.round = r.now
}

// since is the least stamp of what may be shown as of the last look.
func (r *rounds) since() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.since
}

// lastStamp is the stamp that what is read from now on has.
func (r *rounds) lastStamp() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stamp
}

// next is a stamp that nothing has which was read before.
func (r *rounds) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stamp++
	return r.stamp
}

// left is how long the kernel may keep what is shown in the round.
func (r round) left() time.Duration { return max(time.Until(r.until), time.Nanosecond) }
