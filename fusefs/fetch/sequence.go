package fetch

import "sync"

const (
	// inOrder is how many bytes are read in order before anything is fetched ahead.
	inOrder = 2 << 20
	// near is how far apart two reads are in order: requests overtake each other, and the
	// more of them are in flight the more.
	near      = 1 << 20
	nearAhead = 8 << 20 // once something is fetched ahead
	// mostAhead is how many parts of a file are fetched ahead at most, if memory allows.
	mostAhead = 256
)

// A Sequence notices that a file is read in order, and has the numbered parts that
// follow fetched ahead, the further the longer that lasts.
type Sequence struct {
	mu     sync.Mutex
	next   uint64 // where a read in order begins
	run    uint64 // bytes that were read in order
	last   uint64 // the part up to which the window was counted
	window uint64 // how many parts to fetch ahead of it
}

// Follow is told of each read, of n bytes at off in part number. If the file is read in
// order, it calls ahead each time that the reader gets to another part, for the
// window parts behind it.
func (s *Sequence) Follow(off, n, number uint64, ahead func(window uint64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	distance := uint64(near)
	if s.window > 0 {
		distance = nearAhead
	}
	if off > s.next+distance || off+n+distance < s.next {
		s.next, s.run, s.window = 0, 0, 0
	}
	s.next = max(s.next, off+n)
	s.run += n
	if s.run < inOrder || s.window > 0 && number <= s.last {
		return
	}
	s.window = min(max(1, 2*s.window), mostAhead)
	s.last = number
	ahead(s.window)
}
