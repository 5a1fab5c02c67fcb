package exerciser

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// effect is what a call does to the times of a node.
type effect int

const (
	attributes effect = iota // ctime is now, mtime as it was
	contents                 // both are now
	perhaps                  // either; file systems differ
	renamed                  // mtime as it was, ctime either
)

// touch is a node that a call has to do with.
type touch struct {
	node   *node
	effect effect
}

// change is a call that changes something.
type change struct {
	what    string
	want    error // the errno that it must fail with
	call    func() error
	apply   func() // what the call does, to the model
	touched []touch
	doubt   *doubt // of contents
}

// slack is how far the clock of a file system may be behind: on a virtual machine whose
// timer does not come, longer than one would think.
const slack = 2 * time.Second

// change makes a call, brings the model up to date, and looks whether the file
// system says the same.
func (e *Exerciser) change(c change) error {
	e.note("%s%s", c.what, expectation(c.want))
	before := time.Now()
	e.pending = &c
	if err := e.intercept(c.call); !errors.Is(err, c.want) {
		if e.gone() {
			e.drop()
			return ErrInterrupted
		}
		return fmt.Errorf("%s: got %v, want %v", c.what, err, c.want)
	}
	e.pending = nil
	if c.want != nil {
		return nil
	}
	c.done()
	for _, t := range c.touched {
		if err := e.observe(t, before); err != nil {
			return err
		}
	}
	return nil
}

func expectation(want error) string {
	if want == nil {
		return ""
	}
	return fmt.Sprintf(" (must fail: %v)", want)
}

// done applies a change to the model.
func (c *change) done() {
	c.apply()
	for _, t := range c.touched {
		t.node.fresh = true
	}
}

// observe compares the attributes of a node that was touched since before.
func (e *Exerciser) observe(t touch, before time.Time) error {
	n := t.node
	st, err := e.stat(n)
	if err != nil || st == nil {
		return err
	}
	n.fresh = false
	mtime, ctime := st.Mtim.Nano(), st.Ctim.Nano()
	now := func(ns int64) bool {
		return ns >= before.Add(-slack).UnixNano() && ns <= time.Now().Add(slack).UnixNano()
	}
	if !now(ctime) && t.effect != perhaps && (t.effect != renamed || ctime != n.ctime) {
		err = fmt.Errorf("ctime is %d, not about %d", ctime, before.UnixNano())
	}
	switch t.effect {
	case attributes, renamed:
		if mtime != n.mtime {
			err = fmt.Errorf("mtime is %d, not %d", mtime, n.mtime)
		}
	case contents:
		if !now(mtime) {
			err = fmt.Errorf("mtime is %d, not about %d", mtime, before.UnixNano())
		}
	}
	n.mtime, n.ctime = mtime, ctime
	if err == nil {
		err = e.compare(n, st)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.named(n), err)
	}
	return nil
}

// stat is a node's; nil if it can be reached no more.
func (e *Exerciser) stat(n *node) (*unix.Stat_t, error) {
	var st unix.Stat_t
	if len(n.places) > 0 || n == e.tree {
		if err := unix.Lstat(e.path(n), &st); err != nil {
			return nil, e.wrong("lstat "+e.named(n), err)
		}
		return &st, nil
	}
	for _, h := range e.handles {
		if h.node == n {
			if err := unix.Fstat(h.fd, &st); err != nil {
				return nil, e.wrong("fstat of a removed file", err)
			}
			return &st, nil
		}
	}
	return nil, nil
}

// compare holds attributes against the model.
func (e *Exerciser) compare(n *node, st *unix.Stat_t) error {
	if n.number == 0 {
		n.number = st.Ino
	}
	if n.fresh {
		n.mtime, n.ctime, n.fresh = st.Mtim.Nano(), st.Ctim.Nano(), false
	}
	type pair struct {
		what      string
		got, want int64
	}
	pairs := []pair{
		{"inode number", int64(st.Ino), int64(n.number)},
		{"type", int64(st.Mode & unix.S_IFMT), int64(n.kind)},
		{"mode", int64(st.Mode & 0o7777), int64(n.mode)},
		{"uid", int64(st.Uid), int64(n.uid)},
		{"gid", int64(st.Gid), int64(n.gid)},
		{"link count", int64(st.Nlink), int64(n.links())},
		{"device", int64(st.Rdev), int64(n.rdev)},
	}
	if !n.isDir() {
		pairs = append(pairs, pair{"size", st.Size, n.size()})
	}
	if !n.loose || !near(n.mtime, st.Mtim.Nano()) || !near(n.ctime, st.Ctim.Nano()) {
		pairs = append(pairs, pair{"mtime", st.Mtim.Nano(), n.mtime}, pair{"ctime", st.Ctim.Nano(), n.ctime})
	}
	for _, p := range pairs {
		if p.got != p.want {
			return fmt.Errorf("%s is %d (%#o), not %d (%#o)", p.what, p.got, p.got, p.want, p.want)
		}
	}
	n.mtime, n.ctime, n.loose = st.Mtim.Nano(), st.Ctim.Nano(), false
	return nil
}

// near reports whether two times are those of about the same call.
func near(a, b int64) bool {
	return time.Duration(max(a-b, b-a)) < 2*time.Second
}
