package engine

import (
	"sync/atomic"

	"clfsload/sync/engine/blobs"
)

// Stats counts what this run did. All but Transferred and Kept only grow.
type Stats struct {
	Inodes      atomic.Int64 // objects finished, failed ones not included
	Read        atomic.Int64 // bytes of file contents read
	Transferred atomic.Int64 // bytes of file contents that are in the container by this run; falls when a file fails or is read again
	Kept        atomic.Int64 // bytes of the files finished or under way that an earlier run had put
	blobs.Traffic
}
