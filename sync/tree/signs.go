package tree

import (
	"context"
	"sync"

	"clfsload/clfs"
	"clfsload/sync/blob"
)

// ofCaches are the objects that a cache makes in a container that it uses. No loader
// makes them.
var ofCaches = [...]clfs.ID{clfs.SpaceTrackerID, clfs.OrphanParentID, clfs.SnapshotDBID}

// signs is whether a cache has used the container.
type signs struct {
	mu          sync.Mutex
	known, used bool
}

// usedByCache reports whether a cache has used the container, as far as objects of its
// own show that. It asks the container once.
func (t *Tree) usedByCache(ctx context.Context) (bool, error) {
	t.cache.mu.Lock()
	defer t.cache.mu.Unlock()
	if t.cache.known {
		return t.cache.used, nil
	}
	for _, id := range ofCaches {
		for _, err := range blob.All(ctx, lister{t.container, t}, clfs.NamePrefix(id)) {
			if err != nil {
				return false, err
			}
			t.cache.used = true
			break
		}
	}
	t.cache.known = true
	return t.cache.used, nil
}
