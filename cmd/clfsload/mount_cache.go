package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/sync/blob"
	"clfsload/sync/blob/cache"
	"clfsload/sync/outcome"
	"clfsload/sync/site"
	"clfsload/sync/statedir"
	"clfsload/sync/tree"
)

// cacheFlags are those of a cache of blobs on a local disk.
type cacheFlags struct {
	dir  string
	size byteSize // 0: the default, which for a mount that takes writes is none
}

const (
	cacheName = "cache"  // directory in STATE
	leastSize = 64 << 20 // of a cache
)

func (f *cacheFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.dir, "cache", "", "with --read-only: directory, on a local disk, that keeps file contents which were read; read-only mounts\nof the same user can share it (default: no cache)")
	fl.Var(&f.size, "cache-size", "bytes that the cache takes, 64MiB or more (default with --cache: half of the room on its disk; without\n--read-only no cache, otherwise it is in STATE)")
	fl.Lookup("cache-size").DefValue = "0"
}

func (f *cacheFlags) check(cmd *cobra.Command, readOnly bool) error {
	given := cmd.Flags().Changed("cache-size")
	switch {
	case f.dir != "" && !readOnly:
		return errors.New("--cache goes with --read-only; otherwise the cache is in STATE, and --cache-size switches it on")
	case given && readOnly && f.dir == "":
		return errors.New("--cache-size goes with --cache")
	case given && f.size < leastSize && (readOnly || f.size != 0):
		least := byteSize(leastSize)
		return fmt.Errorf("--cache-size %s: it must be %s or more", &f.size, &least)
	}
	return nil
}

// checkSite refuses a cache that overlaps with something else.
func (f *cacheFlags) checkSite(used []site.Site) error {
	if f.dir == "" {
		return nil
	}
	s, err := site.New("--cache", f.dir)
	if err == nil {
		err = s.ApartFrom(used...)
	}
	if err == nil {
		err = s.OutOfOthers()
	}
	f.dir = s.Path // without links
	return outcome.New(outcome.Usage, err, site.AnotherPlace)
}

// openCache opens the directory of a cache.
func openCache(dir string, size byteSize, log *slog.Logger) (*cache.Dir, error) {
	d, err := cache.Open(dir, cache.Options{
		Size: int64(size),
		Damaged: func(path string, err error) {
			log.Warn("a file of the cache is damaged; it is removed, and the block is read from the container", "file", path, "error", err)
		},
		Failed: func(err error) {
			log.Warn("the cache does not work; the mount goes on without it and tries it again", "error", err)
		},
	})
	return d, outcome.New(outcome.Usage, err, "choose an empty directory that belongs to the account you run as")
}

// isImmutable reports whether no blob of that name gets other bytes once an inode refers to
// it: segments and indirect blocks.
func isImmutable(name string) bool {
	n, err := clfs.ParseName(name)
	return err == nil && (n.Type == clfs.TypeSegment || n.Type == clfs.TypeIndirect)
}

// cacheOf puts the cache in STATE, if there is to be one, in front of the container of a mount that
// takes writes.
func (m *writableMount) cacheOf(c blob.Container) (blob.Container, error) {
	path := filepath.Join(m.dir, cacheName)
	if m.flags.cache.size == 0 {
		return c, dropCache(path)
	}
	var err error
	if m.cache, err = openCache(path, m.flags.cache.size, m.ui.log); err != nil {
		return nil, err
	}
	cached := m.cache.Wrap(c, isImmutable)
	cached.Identify(m.journal.Settings.BucketUUID)
	return cached, nil
}

// dropCache removes the cache in STATE. A mount without one puts blobs again and does not drop
// their entries. So it must not come back after a power cut.
func dropCache(path string) error {
	old := path + ".old"
	err := os.Rename(path, old)
	if err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return outcome.New(outcome.State, fmt.Errorf("remove the cache in STATE: %w", err), statedir.Access)
	}
	return os.RemoveAll(old)
}

func syncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (m *writableMount) closeCache() {
	if m.cache != nil {
		m.cache.Close()
		m.cache = nil
	}
}

// openCachedTree opens the container of a mount that takes no writes, with its cache in front of it
// if it has one. The entries of the cache are those of the container with this bucket object.
func openCachedTree(cmd *cobra.Command, f *readFlags, target string, look scope, c cacheFlags, log *slog.Logger) (*cache.Dir, *tree.Tree, error) {
	if c.dir == "" {
		t, err := f.openTree(cmd, target, "", look)
		return nil, t, err
	}
	dir, err := openCache(c.dir, c.size, log)
	if err != nil {
		return nil, nil, err
	}
	var cached *cache.Container
	f.wrap = func(c blob.Container) blob.Container {
		cached = dir.Wrap(c, isImmutable)
		return cached
	}
	t, err := f.openTree(cmd, target, "", look)
	if err != nil {
		dir.Close()
		return nil, nil, err
	}
	b, _, err := t.Bucket(cmd.Context())
	if err != nil {
		dir.Close()
		return nil, nil, errors.Join(err, t.Close())
	}
	cached.Identify(b.UUID)
	return dir, t, nil
}
