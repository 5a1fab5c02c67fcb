package fetch

import "sync"

// mostAhead is how many parts of a file are fetched ahead at most.
const mostAhead = 8

// A Sequence notices that the numbered parts of a file are read in order, and has
// those that follow fetched ahead, the further the longer that lasts.
type Sequence struct {
	mu     sync.Mutex
	last   uint64 // the part that was read last
	window uint64 // how many parts to fetch ahead of it
}

// Follow is told of each part that is read. When the reader has got to another one
// it calls ahead for the window parts behind number; 0: nothing is foreseen.
func (s *Sequence) Follow(number uint64, ahead func(window uint64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case number == s.last || number+1 == s.last: // requests may overtake each other
		return
	case number != s.last+1:
		s.window = 0
	default:
		s.window = min(max(1, 2*s.window), mostAhead)
	}
	s.last = number
	ahead(s.window)
}
