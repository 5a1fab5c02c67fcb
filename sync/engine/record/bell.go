package record

import "sync"

// Bell wakes everybody who waits for something to be recorded.
type Bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// NewBell returns a Bell.
func NewBell() *Bell { return &Bell{ch: make(chan struct{})} }

// Wait returns a channel that the next ring closes. Take it before looking.
func (b *Bell) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

// Ring wakes all who wait.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
