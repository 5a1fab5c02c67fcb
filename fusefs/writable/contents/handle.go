package contents

import (
	"context"

	"clfsload/fusefs/fetch"
)

// A Handle is a regular file as somebody has opened it.
type Handle struct {
	*File
	MayWrite bool
	flushed  bool // a descriptor was closed, and nothing was written since. file.mu guards it
	ahead    fetch.Sequence
}

// Open makes a handle of a file that was acquired.
func (f *File) Open(mayWrite bool) *Handle {
	if mayWrite {
		f.writers.Add(1)
	}
	return &Handle{File: f, MayWrite: mayWrite}
}

// Read reads into p from off on, and returns how many bytes there are.
func (h *Handle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	return h.File.read(ctx, p, off, &h.ahead)
}

// Write writes to the file. It says how many bytes were written before an error.
func (h *Handle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	h.setFlushed(false)
	return h.File.write(ctx, p, off)
}

// setFlushed notes whether the handle was flushed after its last write.
func (h *Handle) setFlushed(flushed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.markFlushed(flushed)
}

// markFlushed is setFlushed for those who hold mu.
func (h *Handle) markFlushed(flushed bool) {
	if h.flushed == flushed {
		return
	}
	h.flushed = flushed
	if flushed {
		h.idle.Add(1)
	} else {
		h.idle.Add(-1)
	}
}

// Flush is called when a descriptor is closed. When nobody else may write to the
// file, the journal is told what was written before the close returns. A handle that
// was flushed does not count: its release may still be on its way. Copies of a
// descriptor are closed as well, as by every program that its owner starts: of a file
// of which that has come out, only the release of the last handle tells.
func (h *Handle) Flush() error {
	if !h.MayWrite {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.markFlushed(true)
	if h.shared || !h.isFlushed() {
		return nil
	}
	return h.end()
}

// Released is told that no descriptor of the handle is left.
func (h *Handle) Released() {
	if !h.MayWrite {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.markFlushed(false)
	if h.writers.Add(-1) == 0 {
		h.shared = false
	}
}

// IsCutOff reports whether the file is being written by the handle.
func (h *Handle) IsCutOff() bool { return h.MayWrite && h.isLive() }
