package verify

import "sync/atomic"

// marks is a set of blobs: a bit for each, by its number in the index.
type marks []atomic.Uint64

func newMarks(n int64) marks { return make(marks, n/64+1) }

// set marks a blob and reports whether it was not marked before. A blob that is
// not in the index, because it came after the listing, is always new.
func (m marks) set(n int64) bool {
	if n < 0 {
		return true
	}
	bit := uint64(1) << (n % 64)
	return m[n/64].Or(bit)&bit == 0
}

func (m marks) has(n int64) bool { return m[n/64].Load()&(1<<(n%64)) != 0 }
