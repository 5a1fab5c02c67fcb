package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// disk makes commits durable. They go to sqlite's write-ahead log with synchronous =
// NORMAL, which does not wait for the disk; what is in the log is durable once that file
// is, and a checkpoint waits for the disk by itself. So an fsync here does, beside the
// commits that go on meanwhile.
type disk struct {
	log *os.File

	ending  sync.Mutex // held by a commit; guards written and end
	written uint64     // commits so far
	end     logTracker

	mu     sync.Mutex    // held by an fsync
	synced atomic.Uint64 // commits that are durable
	failed error
}

// open makes the log durable together with its name.
func (d *disk) open(dir string) (err error) {
	if d.log, err = os.OpenFile(filepath.Join(dir, journalName+"-wal"), os.O_RDWR, 0); err != nil {
		return fmt.Errorf("open log of journal: %w", err)
	}
	if err := d.end.open(dir, d.log); err != nil {
		return err
	}
	return SyncDir(dir)
}

func (d *disk) close() error {
	if d.log == nil {
		return nil
	}
	return errors.Join(d.end.close(), d.log.Close())
}

// release closes the files of a journal that could not be opened.
func (d *disk) release() error {
	if d.log == nil {
		return nil
	}
	return errors.Join(d.end.release(), d.log.Close())
}

// begin notes where the log ends, before anything is changed.
func (d *disk) begin() {
	d.ending.Lock()
	defer d.ending.Unlock()
	d.end.write(nil)
}

// commit counts a commit. Nobody learns how many there are before it is counted, but may
// see what it has changed.
func (d *disk) commit(commit func() error) error {
	d.ending.Lock()
	defer d.ending.Unlock()
	if err := commit(); err != nil {
		return err
	}
	d.end.write(d.end.follow())
	d.written++
	return nil
}

// now is how many commits there are, and where the log ends with the last one.
func (d *disk) now() (uint64, logEnd) {
	d.ending.Lock()
	defer d.ending.Unlock()
	return d.written, d.end.end
}

// reached notes that the log is on the disk up to an end.
func (d *disk) reached(end logEnd) {
	d.ending.Lock()
	defer d.ending.Unlock()
	if d.end.end.salt == end.salt {
		d.end.end.synced = end.written
	}
	d.end.write(nil)
}

// sync returns when all commits are durable whose changes could be seen before it.
func (d *disk) sync() error {
	want, _ := d.now()
	if d.synced.Load() >= want {
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
	now, end := d.now()
	if err := syncData(d.log); err != nil {
		// The kernel forgets which pages it could not write: a further fsync
		// would succeed and prove nothing.
		d.failed = fmt.Errorf("make journal durable: %w", Classify(err))
		return d.failed
	}
	d.reached(end)
	d.synced.Store(now)
	return nil
}

// syncData is Sync without the times of the file, which nobody needs.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
