package fusefs

import "syscall"

// CacheQuery is an ioctl on a directory of a mount, without data: _IO('C', 1). Its result is 1 if
// the mount has a cache on a disk, and 0 if it has none. Extended attributes would not do: a
// read-only mount has the kernel not ask for any.
const CacheQuery = 'C'<<8 | 1

// AnswerCacheQuery answers an ioctl.
func AnswerCacheQuery(request uint32, cached bool) (result int32, errno syscall.Errno) {
	switch {
	case request != CacheQuery:
		return 0, syscall.ENOTTY
	case cached:
		return 1, 0
	}
	return 0, 0
}
