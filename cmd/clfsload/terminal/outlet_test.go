package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// stopped is a writer that takes nothing until it is opened.
type stopped struct {
	open chan struct{}
	bytes.Buffer
}

func (s *stopped) Write(p []byte) (int, error) {
	<-s.open
	return s.Buffer.Write(p)
}

func TestAWriterDoesNotWaitForAReaderThatReadsNothing(t *testing.T) {
	w := &stopped{open: make(chan struct{})}
	o := newOutlet(w, time.Millisecond)
	const lines = outletWrites + 1000
	for range lines {
		fmt.Fprintln(o, "line")
	}
	o.flush() // returns as well
	close(w.open)
	o.stuck.Store(false)
	for taken := make(chan struct{}); ; {
		if o.offer(outletWrite{taken: taken}) {
			<-taken
			break
		}
		o.stuck.Store(false)
	}
	text := w.String()
	if n := strings.Count(text, "line\n"); n < outletWrites || n >= lines {
		t.Errorf("%d of %d lines were written", n, lines)
	}
	if !strings.Contains(text, "messages are missing here") {
		t.Error("nothing tells of the lines that are missing")
	}
}

func TestFlushReturnsWhenAllIsWritten(t *testing.T) {
	var w bytes.Buffer
	o := newOutlet(&w, time.Minute)
	for range 10 * outletWrites {
		fmt.Fprintln(o, "line")
	}
	Flush(o)
	if n := strings.Count(w.String(), "line\n"); n != 10*outletWrites {
		t.Errorf("%d lines", n)
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAWriterIsNotToldThatTheReaderIsGone(t *testing.T) {
	o := newOutlet(gone{}, time.Minute)
	if n, err := io.WriteString(o, "line\n"); n != 5 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	Flush(o)
}
