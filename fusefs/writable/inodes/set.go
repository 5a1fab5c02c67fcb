package inodes

import (
	"sync"

	"clfsload/state"
)

// A Set is a set of inodes that may be used concurrently.
type Set struct {
	mu      sync.Mutex
	members map[state.Ino]struct{}
}

// Add puts a member in. It reports whether it was none.
func (s *Set) Add(ino state.Ino) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members == nil {
		s.members = map[state.Ino]struct{}{}
	}
	_, found := s.members[ino]
	s.members[ino] = struct{}{}
	return !found
}

// Remove takes a member out. It reports whether it was one.
func (s *Set) Remove(ino state.Ino) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.members[ino]
	delete(s.members, ino)
	return found
}

func (s *Set) Has(ino state.Ino) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.members[ino]
	return found
}

func (s *Set) List() []state.Ino {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]state.Ino, 0, len(s.members))
	for ino := range s.members {
		list = append(list, ino)
	}
	return list
}

// Take empties the set and returns what was in it.
func (s *Set) Take() []state.Ino {
	list := s.List()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ino := range list {
		delete(s.members, ino)
	}
	return list
}
