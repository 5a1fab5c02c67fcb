package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/clfs"
	"clfsload/sync/blob/mem"
)

// Whatever becomes of a file while somebody waits for its upload, he is told. On the
// clock of these tests no time passes while anybody has something to do.
func TestWhoWaitsForAnUploadIsToldWhatBecomesOfTheFile(t *testing.T) {
	for name, do := range map[string]func(*mount){
		"changed":             func(m *mount) { m.rewrite("file", []byte("new"), 3) },
		"changed and settled": func(m *mount) { m.rewrite("file", []byte("new"), 3); m.settle() },
		"removed":             func(m *mount) { m.unlink("file") },
	} {
		t.Run(name+" before it is uploaded", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWait(t).before(do) })
		})
		t.Run(name+" while it is uploaded", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWait(t).during(do) })
		})
	}
}

// wait is a mount with a file that is queued, whose first put waits until it is let go.
type wait struct {
	*mount
	asked uint64
	letGo chan struct{}
	ended chan error
	began time.Time
}

func newWait(t *testing.T) *wait {
	c := &spy{Container: mem.New()}
	w := &wait{mount: newMount(t, c), letGo: make(chan struct{}), ended: make(chan error, 1)}
	var once sync.Once
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeSegment {
			once.Do(func() { <-w.letGo })
		}
		return nil
	}
	w.write("file", one, 1)
	w.settle()
	w.asked = w.journal.Seq()
	return w
}

// begin returns when somebody waits, and nobody else has anything to do.
func (w *wait) begin(ctx context.Context) {
	w.began = time.Now()
	go func() { w.ended <- w.engine.WaitUploaded(ctx, w.asked) }()
	synctest.Wait()
}

func (w *wait) end() error {
	close(w.letGo)
	err := <-w.ended
	if took := time.Since(w.began); took >= idle {
		w.t.Errorf("he was told after %s", took)
	}
	return err
}

func (w *wait) before(do func(*mount)) {
	w.begin(w.t.Context())
	do(w.mount)
	w.check(w.running(func(context.Context) error { return w.end() }))
}

func (w *wait) during(do func(*mount)) {
	w.check(w.running(func(ctx context.Context) error {
		w.begin(ctx)
		do(w.mount)
		synctest.Wait()
		return w.end()
	}))
}
