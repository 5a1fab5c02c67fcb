package fusefs

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// errNoMount says that a directory is in no mount of clfsload.
var errNoMount = errors.New("no mount of clfsload")

// HasCache reports whether the mount that a directory is in has a cache on a disk. The error wraps
// errNoMount if it is no mount of ours, or one of a version that does not say.
func HasCache(dir *os.File) (bool, error) {
	result, err := unix.IoctlRetInt(int(dir.Fd()), cacheQuery)
	if err != nil {
		return false, fmt.Errorf("%s: %w: %w", dir.Name(), errNoMount, err)
	}
	return result == 1, nil
}

// cacheQuery is an ioctl on a directory of a mount, without data: _IO('C', 1). Its result is 1 if
// the mount has a cache on a disk, and 0 if it has none. Extended attributes would not do: a
// read-only mount has the kernel not ask for any.
const cacheQuery = 'C'<<8 | 1

// AnswerCacheQuery answers an ioctl on a directory: that of [HasCache].
func AnswerCacheQuery(request uint32, cached bool) (result int32, errno syscall.Errno) {
	switch {
	case request != cacheQuery:
		return 0, syscall.ENOTTY
	case cached:
		return 1, 0
	}
	return 0, 0
}
