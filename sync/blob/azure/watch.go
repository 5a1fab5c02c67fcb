package azure

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled is the reason for ending a try without progress.
var errStalled = errors.New("nothing was sent or received for too long")

// watch ends a try that makes no progress.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  time.Duration
	timer  *time.Timer
}

// newWatch returns a context for the try, which must be released by end.
func newWatch(ctx context.Context, stall time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, stall: stall}
	w.timer = time.AfterFunc(stall, func() { cancel(errStalled) })
	return ctx, w
}

// progress must be called when bytes were transferred.
func (w *watch) progress() { w.timer.Reset(w.stall) }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain returns errStalled instead of an error that it caused.
func (w *watch) explain(err error) error {
	if context.Cause(w.ctx) == errStalled {
		return errStalled
	}
	return err
}

// watchedBody is the answer's body. Its end, and Close, end the try.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
		b.watch.progress()
	case err == io.EOF:
		b.watch.end()
	default:
		err = connectionError{b.watch.explain(err)}
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}
