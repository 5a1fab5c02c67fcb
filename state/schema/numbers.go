package schema

import "clfsload/clfs"

// Numbers is a range of inode numbers: First and those up to Last.
type Numbers struct{ First, Last Ino }

// Has reports whether a number is in the range.
func (r Numbers) Has(ino Ino) bool { return r.First <= ino && ino <= r.Last }

// rangeSize is how many numbers a journal has for its own inodes. Range 0 begins with the
// first number that a handle can have.
const rangeSize = 1 << 40

// Ranges is how many ranges there are: handles have larger numbers, but nobody needs them.
const Ranges = MaxNumber / rangeSize

// OwnNumbers are those that the journal gives to its own inodes.
func (s *Settings) OwnNumbers() Numbers {
	first := Ino(s.Range) * rangeSize
	return Numbers{max(first, clfs.FirstSequence+1), first + rangeSize - 1}
}

// MaxNumber is more than the numbers that handles of the container may give to inodes.
const MaxNumber = 1 << 62
