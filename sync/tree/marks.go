package tree

import "sync/atomic"

// Marks is a set of blobs: a bit for each, by its number in the index. It may
// be used by many goroutines.
type Marks []atomic.Uint64

// NewMarks creates an empty set for an index of n blobs.
func NewMarks(n int64) Marks { return make(Marks, n/64+1) }

// Set marks a blob and reports whether it was not marked before. A blob that is not in the index (a
// number below 0), because it is newer than the listing, is always new.
func (m Marks) Set(n int64) bool {
	if n < 0 {
		return true
	}
	bit := uint64(1) << (n % 64)
	return m[n/64].Or(bit)&bit == 0
}

// Has reports whether a blob is marked.
func (m Marks) Has(n int64) bool { return n >= 0 && m[n/64].Load()&(1<<(n%64)) != 0 }
