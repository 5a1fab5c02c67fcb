package backing

import (
	"log/slog"

	"clfsload/clfs"
	"clfsload/sync/blob/cache"
	"clfsload/sync/outcome"
)

// OpenCache opens the directory of a cache.
func OpenCache(dir string, size int64, log *slog.Logger) (*cache.Dir, error) {
	d, err := cache.Open(dir, cache.Options{
		Size: size,
		Damaged: func(path string, err error) {
			log.Warn("a file of the cache is damaged; it is removed, and the block is read from the container", "file", path, "error", err)
		},
		Failed: func(err error) {
			log.Warn("the cache does not work; the mount continues without it and retries", "error", err)
		},
	})
	return d, outcome.New(outcome.Usage, err, "choose an empty directory that belongs to the account you run as")
}

// IsImmutable reports whether no blob of that name gets other bytes once an inode refers to
// it: segments and indirect blocks.
func IsImmutable(name string) bool {
	n, err := clfs.ParseName(name)
	return err == nil && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
}
