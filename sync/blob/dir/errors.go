package dir

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
)

// kinds maps the system's errors to those of package blob; all others are blob.ErrUnexpected.
var kinds = map[unix.Errno]error{
	unix.ENOENT:  blob.ErrNotFound,
	unix.ELOOP:   blob.ErrNotFound, // a symbolic link is no blob
	unix.ENXIO:   blob.ErrNotFound, // a socket
	unix.ENOSPC:  blob.ErrNoSpace,
	unix.EDQUOT:  blob.ErrNoSpace,
	unix.EACCES:  blob.ErrPermission,
	unix.EPERM:   blob.ErrPermission,
	unix.EROFS:   blob.ErrPermission,
	unix.ENOTDIR: blob.ErrContainerMissing,
	unix.ESTALE:  blob.ErrContainerMissing,
	unix.EMFILE:  blob.ErrTransient,
	unix.ENFILE:  blob.ErrTransient,
	unix.ENOMEM:  blob.ErrTransient,
	unix.EAGAIN:  blob.ErrTransient,
}

// wrap gives err its kind.
func (c *Container) wrap(err error) error {
	kind := kindOf(err)
	if kind == blob.ErrNotFound && c.gone() {
		kind = blob.ErrContainerMissing
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// openError is wrap for errors that concern the directory itself.
func openError(err error) error {
	kind := kindOf(err)
	if kind == blob.ErrNotFound {
		kind = blob.ErrContainerMissing
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// errNotRegular: the name belongs to a directory, a FIFO or a device, which no listing shows.
var errNotRegular = errors.New("not a regular file")

func kindOf(err error) error {
	if errors.Is(err, errNotRegular) {
		return blob.ErrNotFound
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		if kind, ok := kinds[errno]; ok {
			return kind
		}
	}
	return blob.ErrUnexpected
}

// gone reports whether the directory was removed since it was opened.
func (c *Container) gone() bool {
	var st unix.Stat_t
	return unix.Fstat(c.fd, &st) == nil && st.Nlink == 0
}

// moved reports whether the path leads to another directory than at the open, or to none.
func (c *Container) moved() bool {
	var opened, named unix.Stat_t
	if unix.Fstat(c.fd, &opened) != nil {
		return false
	}
	err := unix.Stat(c.path, &named)
	return err == unix.ENOENT || err == unix.ENOTDIR || err == nil && (named.Dev != opened.Dev || named.Ino != opened.Ino)
}
