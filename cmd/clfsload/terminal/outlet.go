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

// StayUp is for commands that must not fail because of their messages. If the reader of standard
// error is gone, a write fails and the process continues. If the reader does not read, the process
// does not wait.
func StayUp(cmd *cobra.Command) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // child processes would inherit signal.Ignore
	told := Messages(newOutlet(Bare(cmd.ErrOrStderr()), outletPatience))
	cmd.SetErr(told)
	log.SetOutput(told)
}

const (
	// outletWrites is how many writes wait for a reader.
	outletWrites = 4096
	// outletPatience is how long a write waits for a reader that does not read.
	outletPatience = time.Second
)

// An outlet writes to w in the background. If w accepts nothing for the time of patience, further
// output is dropped until w accepts again.
type outlet struct {
	w        io.Writer
	patience time.Duration
	queue    chan outletWrite
	stuck    atomic.Bool
	lost     atomic.Int64 // writes that were dropped
	moved    atomic.Int64 // writes that w took
}

// outletWrite is either bytes for w, or a request for a signal when w has accepted all earlier
// writes.
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

// flush waits until w has accepted all writes, as long as w accepts any.
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

// Flush waits until the reader of w has all output, if w is an outlet.
func Flush(w io.Writer) {
	if e, ok := w.(*Edge); ok {
		_ = e.Flush() // there is nobody to tell
	}
	if o, ok := Bare(w).(*outlet); ok {
		o.flush()
	}
}

// fileOf is the file at the end of a chain of writers.
func fileOf(w io.Writer) io.Writer {
	w = Bare(w)
	if o, ok := w.(*outlet); ok {
		return o.w
	}
	return w
}
