package writable

import "sync"

// A follower notices that a handle reads remote blocks in order, and fetches ahead,
// the further the longer that lasts.
type follower struct {
	mu     sync.Mutex
	last   uint64 // the block that was read last
	window uint64 // how many blocks to fetch ahead of it
}

func (w *follower) follow(f *file, index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case index == w.last || index+1 == w.last: // requests may overtake each other
		return
	case index != w.last+1:
		w.window = 0
	default:
		w.window = min(max(1, 2*w.window), mostAhead)
	}
	w.last = index
	f.ahead(index, w.window)
}
