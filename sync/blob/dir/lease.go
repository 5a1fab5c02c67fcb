package dir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// leasePrefix begins the name of a lock file. Blobs have no such names.
const leasePrefix = ".lease."

// lease is a locked lock file. It is a separate file, because a Put gives the blob's name to
// another file, whose lock is free. It is not the directory's lock either, which readers share.
type lease struct {
	container *Container
	name      string // of the blob
	file      *os.File
}

var _ blob.Leaser = (*Container)(nil)

// AcquireLease implements blob.Leaser with an exclusive flock(2) on the file ".lease." and the
// blob's name, which may be 248 bytes long. The kernel ends the lock with the process, so the lease
// does not expire and is never left behind; the file is, and the next lease takes it over. While
// the file is locked, it names the holder. Removing it breaks the lease.
func (c *Container) AcquireLease(ctx context.Context, name string, r blob.LeaseRequest) (blob.Lease, error) {
	if err := check(ctx, name); err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(c.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, c.wrap(err))
	}
	l := &lease{container: c, name: name}
	for {
		err := l.lock()
		if errors.Is(err, blob.ErrLeaseLost) {
			continue // its holder removed the file before this lock
		}
		if err != nil {
			return nil, fmt.Errorf("lease %s: %w", name, err)
		}
		return l, nil
	}
}

// lock locks the file, and creates it if it is missing.
func (l *lease) lock() error {
	c := l.container
	fd, err := openat(c.fd, leasePrefix+l.name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return c.wrap(err)
	}
	l.file = os.NewFile(uintptr(fd), leasePrefix+l.name)
	err = retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	switch {
	case err == unix.EWOULDBLOCK:
		err = fmt.Errorf("%w: %s", blob.ErrLeased, readHolder(fd))
	case err != nil:
		err = c.wrap(err)
	default:
		err = l.current()
	}
	if err == nil {
		err = l.sign()
	}
	if err != nil {
		_ = l.file.Close()
	}
	return err
}

// current returns ErrLeaseLost unless the locked file is still the one of that name.
func (l *lease) current() error {
	var locked, named unix.Stat_t
	if err := unix.Fstat(int(l.file.Fd()), &locked); err != nil {
		return l.container.wrap(err)
	}
	err := unix.Fstatat(l.container.fd, l.file.Name(), &named, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT && !l.container.gone() || err == nil && (named.Ino != locked.Ino || named.Dev != locked.Dev) {
		return fmt.Errorf("%w: the file %s was removed", blob.ErrLeaseLost, l.file.Name())
	}
	if err != nil {
		return l.container.wrap(err)
	}
	return nil
}

// sign writes the holder into the file.
func (l *lease) sign() error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	text := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, time.Now().Format(time.DateTime))
	if err := l.file.Truncate(0); err != nil {
		return l.container.wrap(err)
	}
	if _, err := l.file.WriteAt([]byte(text), 0); err != nil {
		return l.container.wrap(err)
	}
	return nil
}

// maxHolder is the most bytes of a lock file that are quoted.
const maxHolder = 200

func readHolder(fd int) string {
	buf, err := readAt(fd, make([]byte, maxHolder), 0)
	text, _, _ := strings.Cut(string(buf), "\n")
	if err != nil || text == "" {
		return "an unknown process"
	}
	return strings.ToValidUTF8(text, "?")
}

// Renew implements blob.Lease: it checks whether the file still exists.
func (l *lease) Renew(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		err = l.current()
	}
	if err != nil {
		return fmt.Errorf("renew lease of %s: %w", l.name, err)
	}
	return nil
}

// Release implements blob.Lease. It removes the file while it is locked, so that only the owner of
// the lock on an existing file holds the lease.
func (l *lease) Release(context.Context) error {
	err := l.current()
	if err == nil {
		if err = unix.Unlinkat(l.container.fd, l.file.Name(), 0); err != nil {
			err = l.container.wrap(err)
		}
	}
	if closeErr := l.file.Close(); err == nil && closeErr != nil {
		err = l.container.wrap(closeErr)
	}
	if err != nil {
		return fmt.Errorf("release lease of %s: %w", l.name, err)
	}
	return nil
}
