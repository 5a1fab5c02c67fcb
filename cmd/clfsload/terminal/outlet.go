package terminal

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// StayUp is for commands whose work is worth more than their messages. If the reader of standard
// error is gone, a write fails and the process stays. If the reader does not read, the process
// does not wait for it.
func StayUp(cmd *cobra.Command) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // programs that are started would inherit signal.Ignore
	told := Messages(newOutlet(Bare(cmd.ErrOrStderr()), outletPatience))
	cmd.SetErr(told)
	log.SetOutput(told)
}

const (
	// outletWrites is how many writes wait for a reader.
	outletWrites = 4096
	// outletPatience is how long a reader is waited for that reads nothing.
	outletPatience = time.Second
)

// An outlet writes to w in the background. When w takes nothing for the time of patience, what is
// written is dropped until w takes something.
type outlet struct {
	w        io.Writer
	patience time.Duration
	queue    chan outletWrite
	stuck    atomic.Bool
	lost     atomic.Int64 // writes that were dropped
	moved    atomic.Int64 // writes that w took
}

// outletWrite is bytes for w, or somebody who wants to know that w took all before.
type outletWrite struct {
	bytes []byte
	taken chan<- struct{}
}

func newOutlet(w io.Writer, patience time.Duration) *outlet {
	o := &outlet{w: w, patience: patience, queue: make(chan outletWrite, outletWrites)}
	go func() {
		for e := range o.queue {
			o.take(e)
		}
	}()
	return o
}

func (o *outlet) take(e outletWrite) {
	if n := o.lost.Swap(0); n > 0 {
		fmt.Fprintf(o.w, "clfsload: %d messages are missing here: standard error was not read\n", n)
	}
	if e.taken != nil {
		close(e.taken)
		return
	}
	_, _ = o.w.Write(e.bytes) // there is nobody to tell
	o.moved.Add(1)
	o.stuck.Store(false)
}

// Write queues a copy of p.
func (o *outlet) Write(p []byte) (int, error) {
	if !o.offer(outletWrite{bytes: bytes.Clone(p)}) {
		o.lost.Add(1)
	}
	return len(p), nil
}

func (o *outlet) offer(e outletWrite) bool {
	select {
	case o.queue <- e:
		return true
	default:
	}
	if o.stuck.Load() {
		return false
	}
	timer := time.NewTimer(o.patience)
	defer timer.Stop()
	select {
	case o.queue <- e:
		return true
	case <-timer.C:
		o.stuck.Store(true)
		return false
	}
}

// flush waits until w took what was written, for as long as w takes anything.
func (o *outlet) flush() {
	taken := make(chan struct{})
	if !o.offer(outletWrite{taken: taken}) {
		return
	}
	ticker := time.NewTicker(o.patience)
	defer ticker.Stop()
	for before := o.moved.Load(); ; {
		select {
		case <-taken:
			return
		case <-ticker.C:
		}
		now := o.moved.Load()
		if now == before {
			return
		}
		before = now
	}
}

// Flush waits until the reader of w has what was written, if there is an outlet behind w.
func Flush(w io.Writer) {
	if e, ok := w.(*edge); ok {
		_ = e.Flush() // there is nobody to tell
	}
	if o, ok := Bare(w).(*outlet); ok {
		o.flush()
	}
}

// fileOf is the file that is written in the end.
func fileOf(w io.Writer) io.Writer {
	w = Bare(w)
	if o, ok := w.(*outlet); ok {
		return o.w
	}
	return w
}
