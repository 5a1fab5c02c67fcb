package dir

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxPuts is how many Puts write at a time; more Puts wait. A number below it makes the name of a
// temporary file, so that there are few names, and stale files can be removed without reading the
// directory.
const maxPuts = 1024

// slots holds the unused numbers.
type slots struct {
	free  chan int
	taken atomic.Int32  // by other processes
	none  chan struct{} // closed when all are
}

func newSlots() *slots {
	s := &slots{free: make(chan int, maxPuts), none: make(chan struct{})}
	for i := range maxPuts {
		s.free <- i
	}
	return s
}

// lose drops a number that another process uses.
func (s *slots) lose() {
	if s.taken.Add(1) == maxPuts {
		close(s.none)
	}
}

// errNoSlot: there is no name for a temporary file.
var errNoSlot = errors.New("temporary files of other processes (.put.*) occupy all names; if no clfsload uses the directory, remove them")

func tempName(slot int) string {
	return fmt.Sprintf(".put.%03x", slot)
}

// Put implements blob.Container. It does not notice the end of ctx while the disk writes.
func (c *Container) Put(ctx context.Context, name string, data []byte) error {
	return c.put(ctx, name, data, false)
}

// PutWhole implements blob.WholePutter with fsync(2) before the rename.
func (c *Container) PutWhole(ctx context.Context, name string, data []byte) error {
	return c.put(ctx, name, data, true)
}

func (c *Container) put(ctx context.Context, name string, data []byte, durable bool) error {
	if err := check(ctx, name); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	fd, slot, err := c.createTemp(ctx)
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	temp := tempName(slot)
	if err := c.fill(fd, temp, name, data, durable); err != nil {
		_ = unix.Unlinkat(c.fd, temp, 0)
		err = fmt.Errorf("put %s: %w", name, c.wrap(err))
		c.slots.free <- slot
		return err
	}
	c.slots.free <- slot
	return nil
}

// createTemp creates a temporary file that no other process has. If the file of a slot exists, it
// belongs to another process, living or dead, and the slot is not used again.
func (c *Container) createTemp(ctx context.Context) (fd, slot int, err error) {
	for {
		select {
		case slot = <-c.slots.free:
		case <-c.slots.none:
			return -1, 0, errNoSlot
		case <-ctx.Done():
			return -1, 0, ctx.Err()
		}
		fd, err = openat(c.fd, tempName(slot), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
		if err == nil {
			return fd, slot, nil
		}
		if err != unix.EEXIST {
			c.slots.free <- slot
			return -1, 0, c.wrap(err)
		}
		c.slots.lose()
	}
}

// fill writes data to the file temp, open as fd, closes it and renames it.
func (c *Container) fill(fd int, temp, name string, data []byte, durable bool) error {
	err := write(fd, data)
	if err == nil && durable {
		err = retry(func() error { return unix.Fsync(fd) })
	}
	if closeErr := unix.Close(fd); err == nil && closeErr != unix.EINTR {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return retry(func() error { return unix.Renameat(c.fd, temp, c.fd, name) })
}

// removeStale removes the temporary files of dead processes, if no other Container has this
// directory open, and marks the directory as in use. A failure here is not important.
func (c *Container) removeStale() {
	if err := unix.Flock(c.fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		for slot := range maxPuts {
			_ = unix.Unlinkat(c.fd, tempName(slot), 0)
		}
	}
	_ = retry(func() error { return unix.Flock(c.fd, unix.LOCK_SH) })
}
