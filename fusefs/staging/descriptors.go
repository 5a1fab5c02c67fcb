package staging

import (
	"container/list"
	"errors"
	"math"
	"sync"

	"golang.org/x/sys/unix"
)

// descriptors bounds how many files of a store are open for the system. A [File] that no call
// uses may be closed and is opened again by its name for the next call: a staging file keeps
// its name for as long as anybody has it.
type descriptors struct {
	mu      sync.Mutex
	changed sync.Cond // a file was opened, or is not used any more
	most    int
	count   int       // files that are open, or are being opened
	open    list.List // *File, the one that was used last at the end
}

func (d *descriptors) init() {
	d.most = math.MaxInt
	d.changed.L = &d.mu
}

// use opens files that are not open, and keeps all of them open until they are given to unused.
// It waits until there is room for all: a call that held one and waited for another could wait
// for ever.
func (d *descriptors) use(files ...*File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := files[0]; len(files) == 1 && f.fd >= 0 { // as nearly always
		f.users++
		return nil
	}
	var missing []*File
	for missing = d.take(files); missing == nil; missing = d.take(files) {
		d.changed.Wait()
	}
	var err error
	for _, f := range missing {
		err = errors.Join(err, d.reopen(f))
	}
	if err != nil {
		d.give(files)
		d.changed.Broadcast()
	}
	return err
}

// take marks files as used, and returns those that are to be opened; nil if there is no room for
// them now.
func (d *descriptors) take(files []*File) []*File {
	missing := make([]*File, 0, 2)
	for _, f := range files {
		if f.opening {
			return nil
		}
		if f.fd < 0 {
			missing = append(missing, f)
		}
	}
	for _, f := range files {
		f.users++
	}
	for d.count+len(missing) > d.most {
		if !d.closeIdle() {
			d.give(files)
			return nil
		}
	}
	for _, f := range missing {
		f.opening = true
		d.count++
	}
	return missing
}

// closeIdle closes the file that was not used for the longest time. It returns false if all are
// in use.
func (d *descriptors) closeIdle() bool {
	for at := d.open.Front(); at != nil; at = at.Next() {
		if f := at.Value.(*File); f.users == 0 {
			_ = d.shut(f) // fsync tells what could not be written
			return true
		}
	}
	return false
}

// shut closes a file that is open.
func (d *descriptors) shut(f *File) error {
	d.open.Remove(f.at)
	d.count--
	fd := f.fd
	f.fd, f.at = -1, nil
	return unix.Close(fd)
}

// reopen opens a file for which there is room. mu is held, but not while the system opens it.
func (d *descriptors) reopen(f *File) error {
	var fd int
	var err error
	for {
		d.mu.Unlock()
		fd, err = again(func() (int, error) { return unix.Open(f.path, f.flags|unix.O_CLOEXEC, 0o600) })
		d.mu.Lock()
		// The others of the process may need more than was thought, and the whole machine may
		// have a limit.
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) || !d.closeIdle() {
			break
		}
	}
	f.opening = false
	d.changed.Broadcast()
	if err != nil {
		d.count--
		return f.fail("open", err)
	}
	f.fd, f.at = fd, d.open.PushBack(f)
	return nil
}

// unused gives back files that a call has used.
func (d *descriptors) unused(files ...*File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.give(files)
	d.changed.Broadcast()
}

func (d *descriptors) give(files []*File) {
	for _, f := range files {
		f.users--
		if f.at != nil {
			d.open.MoveToBack(f.at)
		}
	}
}

// close closes a file that nobody uses.
func (d *descriptors) close(f *File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.fd < 0 {
		return nil
	}
	err := d.shut(f)
	d.changed.Broadcast()
	return err
}
