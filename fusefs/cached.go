package fusefs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNoMount says that a directory is in no mount of clfsload.
var ErrNoMount = errors.New("no mount of clfsload")

// HasCache reports whether the mount that a directory is in has a cache on a disk. The error wraps
// ErrNoMount if it is no mount of ours, or one of a version that does not say.
func HasCache(dir *os.File) (bool, error) {
	result, err := unix.IoctlRetInt(int(dir.Fd()), CacheQuery)
	if err != nil {
		return false, fmt.Errorf("%s: %w: %w", dir.Name(), ErrNoMount, err)
	}
	return result == 1, nil
}
