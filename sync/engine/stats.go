package engine

import "sync/atomic"

// Stats counts what this run did. The counters only grow.
type Stats struct {
	Inodes atomic.Int64 // objects finished, failed ones not included
	Read   atomic.Int64 // bytes of file contents read
	Blobs  atomic.Int64 // blobs put
	Sent   atomic.Int64 // bytes of blobs put
}
