package contents

import "math/bits"

// A blockSet is a set of blocks of a file, one bit each.
type blockSet []uint64

func (s blockSet) has(i uint64) bool {
	return i/64 < uint64(len(s)) && s[i/64]&(1<<(i%64)) != 0
}

// set makes a block a member, or not.
func (s *blockSet) set(i uint64, member bool) {
	if !member {
		if i/64 < uint64(len(*s)) {
			(*s)[i/64] &^= 1 << (i % 64)
		}
		return
	}
	s.grow(i)
	(*s)[i/64] |= 1 << (i % 64)
}

func (s *blockSet) grow(i uint64) {
	if missing := int(i/64) + 1 - len(*s); missing > 0 {
		*s = append(*s, make([]uint64, missing)...)
	}
}

// addRange makes the blocks from..to-1 members.
func (s *blockSet) addRange(from, to uint64) {
	if from >= to {
		return
	}
	s.grow(to - 1)
	for i := from; i < to; i++ {
		if i%64 == 0 && to-i >= 64 {
			(*s)[i/64] = ^uint64(0)
			i += 63
			continue
		}
		(*s)[i/64] |= 1 << (i % 64)
	}
}

// cut takes out all blocks from one on.
func (s *blockSet) cut(from uint64) {
	for i := from; i < uint64(len(*s))*64 && i%64 != 0; i++ {
		s.set(i, false)
	}
	if words := (from + 63) / 64; words < uint64(len(*s)) {
		*s = (*s)[:words]
	}
}

// next returns the first member from one block on.
func (s blockSet) next(from uint64) (i uint64, found bool) {
	for w := from / 64; w < uint64(len(s)); w++ {
		word := s[w]
		if w == from/64 {
			word &^= 1<<(from%64) - 1
		}
		if word != 0 {
			return w*64 + uint64(bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

// any reports whether there are members from..to-1.
func (s blockSet) any(from, to uint64) bool {
	i, found := s.next(from)
	return found && i < to
}
