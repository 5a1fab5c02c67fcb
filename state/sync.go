package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// disk makes the commits of a mount durable. They go to sqlite's write-ahead log
// with synchronous = NORMAL, which does not wait for the disk; what is in the log
// is durable once that file is, and a checkpoint waits for the disk by itself. So
// an fsync here does, beside the commits that go on meanwhile.
type disk struct {
	written atomic.Uint64 // commits so far

	mu     sync.Mutex
	log    *os.File      // nil: every commit waits for the disk
	synced atomic.Uint64 // commits that are durable
	failed error
}

// open makes the log durable together with its name.
func (d *disk) open(dir string) error {
	log, err := os.OpenFile(filepath.Join(dir, journalName+"-wal"), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open log of journal: %w", err)
	}
	d.log = log
	return SyncDir(dir)
}

func (d *disk) close() error {
	if d.log == nil {
		return nil
	}
	return d.log.Close()
}

// sync returns when all commits that were made before it are durable.
func (d *disk) sync() error {
	want := d.written.Load()
	if d.log == nil || d.synced.Load() >= want {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.failed
	}
	if d.synced.Load() >= want {
		return nil // another's fsync was after it
	}
	now := d.written.Load()
	if err := d.log.Sync(); err != nil {
		// The kernel forgets which pages it could not write: a further fsync
		// would succeed and prove nothing.
		d.failed = fmt.Errorf("make journal durable: %w", classify(err))
		return d.failed
	}
	d.synced.Store(now)
	return nil
}

// Sync returns when all changes that were acknowledged before it survive a power
// cut. It costs nothing when there are none.
func (j *Journal) Sync(ctx context.Context) error {
	if j.write == nil {
		return nil
	}
	if err := j.catchUp(ctx); err != nil {
		return err
	}
	return j.write.disk.sync()
}
