package writable

import (
	"errors"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"clfsload/fusefs/writable/adopted"
	"clfsload/fusefs/writable/contents"
	"clfsload/fusefs/writable/reclaim"
	"clfsload/state"
)

// What a name and the target of a symbolic link may have, in bytes;
// docs/clfs-format.md section 3.
const (
	maxName   = 255
	maxTarget = 1023
)

// Errors of this package.
var (
	errNameTooLong   = errors.New("longer than the container can hold")
	errBadHandle     = errors.New("no such handle")
	errNoSuchXattr   = errors.New("no such attribute")
	errXattrTooShort = errors.New("buffer is too small")
)

// errnos say what a system call fails with. An error that is not in the table is
// one of the container, or EIO.
var errnos = []struct {
	sentinel error
	errno    syscall.Errno
}{
	{state.ErrNoEntry, syscall.ENOENT},
	{state.ErrNameTaken, syscall.EEXIST},
	{state.ErrNotEmpty, syscall.ENOTEMPTY},
	{state.ErrTooManyLinks, syscall.EMLINK},
	{state.ErrIsDirectory, syscall.EISDIR},
	{state.ErrNotDirectory, syscall.ENOTDIR},
	{state.ErrLoop, syscall.EINVAL},
	{errNameTooLong, syscall.ENAMETOOLONG},
	{contents.ErrUnsupported, syscall.EOPNOTSUPP},
	{contents.ErrTooBig, syscall.EFBIG},
	{contents.ErrNoSuchData, syscall.ENXIO},
	{errBadHandle, syscall.EBADF},
	{contents.ErrInvalid, syscall.EINVAL},
	{contents.ErrWrongKind, syscall.EINVAL},
	{errNoSuchXattr, syscall.ENODATA},
	{errXattrTooShort, syscall.ERANGE},
	{reclaim.ErrFull, syscall.ENOSPC},
	{state.ErrNoSpace, syscall.ENOSPC},
	{syscall.ENOSPC, syscall.ENOSPC},
	{syscall.EDQUOT, syscall.ENOSPC},
	{syscall.EFBIG, syscall.EFBIG},
	{contents.ErrStagingLost, syscall.EIO},
	{adopted.ErrAdopt, syscall.EIO},
	{state.ErrUnfaithful, syscall.EUCLEAN},
}

// quiet are the outcomes that are no news to anybody but the caller.
func quiet(e syscall.Errno) bool {
	switch e {
	case syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.ESTALE, syscall.EUCLEAN:
		return false
	}
	return true
}

func (s *FS) errno(err error) syscall.Errno {
	for _, e := range errnos {
		if errors.Is(err, e.sentinel) {
			return e.errno
		}
	}
	return s.options.Errno(err)
}

// fail answers a call on an inode that went wrong. What is not the caller's doing
// is logged, with the path.
func (s *FS) fail(operation string, ino state.Ino, err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	errno := s.errno(err)
	if !quiet(errno) {
		s.log.Error(operation, "path", s.pathOf(ino), "inode", uint64(ino), "error", err, "errno", errno.Error())
	}
	return fuse.Status(errno)
}

// failNode is fail for a call on an inode that must exist: if it does not, the
// kernel remembers one that is gone.
func (s *FS) failNode(operation string, ino state.Ino, err error) fuse.Status {
	if errors.Is(err, state.ErrNoEntry) {
		return fuse.Status(syscall.ESTALE)
	}
	return s.fail(operation, ino, err)
}

// pathOf is for messages: the path of an inode, or "" if there is none.
func (s *FS) pathOf(ino state.Ino) string {
	n, err := s.journal.Node(s.ctx, ino)
	if err != nil {
		return ""
	}
	path, err := s.journal.Path(s.ctx, n.Inode)
	if err != nil {
		return ""
	}
	return "/" + path
}
