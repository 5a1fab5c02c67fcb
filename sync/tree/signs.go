package tree

import (
	"context"
	"sync"

	"clfsload/clfs"
	"clfsload/sync/blob"
)

// ofCaches are the objects that a cache makes in its containers. No loader makes them.
var ofCaches = [...]clfs.ID{clfs.SpaceTrackerID, clfs.OrphanParentID, clfs.SnapshotDBID}

// signs records whether a cache has used the container.
type signs struct {
	mu    sync.Mutex
	known bool
	blob  string // of a cache's object; "": there is none
}

// CacheObject returns the name of a blob that only a cache makes; "": there is none. It searches
// the container once.
func (t *Tree) CacheObject(ctx context.Context) (name string, err error) {
	t.cache.mu.Lock()
	defer t.cache.mu.Unlock()
	if t.cache.known {
		return t.cache.blob, nil
	}
	for _, id := range ofCaches {
		for info, err := range blob.All(ctx, lister{t.container, t}, clfs.NamePrefix(id)) {
			if err != nil {
				return "", err
			}
			t.cache.blob = info.Name
			break
		}
	}
	t.cache.known = true
	return t.cache.blob, nil
}
