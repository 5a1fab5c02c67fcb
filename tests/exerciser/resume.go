package exerciser

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// drop lets go of all files when the file system is gone, and of those that have no
// name with them. It does so at once, or the dead mount stays in use.
func (e *Exerciser) drop() {
	for _, h := range e.handles {
		_ = unix.Close(h.fd)
		if h.writable {
			h.node.loose = true // its times were not recorded yet
		}
	}
	e.handles = nil
}

// Resume goes on when the file system is back. The call that was under way when
// Step returned ErrInterrupted has happened or not; everything that had returned
// must be there, or the error says what is not.
func (e *Exerciser) Resume() error {
	c := e.pending
	e.pending = nil
	e.note("the file system was gone, and is back")
	if c == nil || c.want != nil {
		return e.Check()
	}
	if c.doubt != nil {
		if err := e.resolve(c.doubt); err != nil {
			return e.explain(err)
		}
		return e.Check()
	}
	without := e.check()
	if without == nil {
		return nil
	}
	c.done()
	if with := e.check(); with != nil {
		return e.explain(fmt.Errorf("%s was cut off. If it has not happened: %w. If it has: %w", c.what, without, with))
	}
	return nil
}

// resolve takes the contents of a file as they are, if they are what a write that
// was cut off can leave.
func (e *Exerciser) resolve(d *doubt) error {
	n := d.node
	if len(n.places) == 0 {
		return nil
	}
	n.fresh = true
	got, err := os.ReadFile(e.path(n))
	if err != nil {
		return fmt.Errorf("after a write was cut off: %w", err)
	}
	size, before := len(got), len(n.data)
	between := size >= min(before, d.size) && size <= max(before, d.size)
	if size != before && size != d.size && (d.whole || !between) {
		return fmt.Errorf("%s: a change of the size from %d to %d was cut off, and left %d", e.named(n), before, d.size, size)
	}
	for i, b := range got {
		var old byte
		if i < before {
			old = n.data[i]
		}
		changed := i >= d.at && i < d.at+len(d.data) && b == d.data[i-d.at]
		if b != old && !changed {
			return fmt.Errorf("%s: after a write of %d bytes at %d was cut off, there is a wrong one at %d", e.named(n), len(d.data), d.at, i)
		}
	}
	n.data = got
	return nil
}
