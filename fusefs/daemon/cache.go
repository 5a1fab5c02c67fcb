package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"clfsload/fusefs/daemon/backing"
	"clfsload/sync/blob"
	"clfsload/sync/outcome"
	"clfsload/sync/statedir"
)

// cacheName is the directory of the cache in STATE.
const cacheName = "cache"

// cacheOf puts the cache in STATE, if there is to be one, in front of the container of a mount that
// takes writes.
func (m *mount) cacheOf(c blob.Container) (blob.Container, error) {
	path := filepath.Join(m.dir, cacheName)
	if m.options.CacheSize == 0 {
		return c, dropCache(path)
	}
	var err error
	if m.cache, err = backing.OpenCache(path, m.options.CacheSize, m.options.Log); err != nil {
		return nil, err
	}
	cached := m.cache.Wrap(c, backing.IsImmutable)
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

func (m *mount) closeCache() {
	if m.cache != nil {
		m.cache.Close()
		m.cache = nil
	}
}
