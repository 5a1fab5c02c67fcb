package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/clfs"
)

// Path returns the path of an inode below the root of the tree, by its first
// name; the root's is "".
func (j *Store) Path(ctx context.Context, in Inode) (string, error) {
	if in.Ino == RootIno {
		return "", nil
	}
	dir, err := j.directoryPath(ctx, in.Parent)
	if err != nil {
		return "", err
	}
	return join(dir, in.Name), nil
}

func join(dir string, name []byte) string {
	if dir == "" {
		return string(name)
	}
	return dir + "/" + string(name)
}

// directoryPath climbs until it meets a directory whose path it knows.
func (j *Store) directoryPath(ctx context.Context, ino Ino) (path string, err error) {
	if ino == RootIno {
		return "", nil
	}
	if j.Settings.Kind == KindMount {
		// Directories move: what was read once may be wrong soon.
		err = j.read(ctx, func(q querier) error {
			path, err = climb(ctx, q, ino)
			return err
		})
		return path, err
	}
	if path, ok := j.paths.Get(ino); ok {
		return path, nil
	}
	var parent Ino
	var name []byte
	row := j.row(ctx, `SELECT parent, name FROM inode WHERE ino = ?`, ino)
	if err := row.Scan(&parent, &name); err != nil {
		return "", fmt.Errorf("find path of directory %d: %w", ino, classify(err))
	}
	above, err := j.directoryPath(ctx, parent)
	if err != nil {
		return "", err
	}
	path = join(above, name)
	j.paths.add(ino, path)
	return path, nil
}

// step is an inode on the way from another one to the root.
type step struct {
	parent Ino
	name   string
}

// climb returns the path of an inode in one query, whatever its depth.
func climb(ctx context.Context, q querier, ino Ino) (string, error) {
	rows, err := q.QueryContext(ctx, `WITH RECURSIVE up (ino, parent, name, height) AS (
			SELECT ino, parent, name, 0 FROM inode WHERE ino = ?1 AND ino <> ?2
			UNION ALL SELECT i.ino, i.parent, i.name, height + 1 FROM up CROSS JOIN inode i ON i.ino = up.parent WHERE i.ino <> ?2)
		SELECT parent, name FROM up ORDER BY height`, ino, RootIno)
	steps, err := scanAll(rows, err, func(row scanner) (s step, err error) {
		err = row.Scan(&s.parent, &s.name)
		return s, err
	})
	if err != nil {
		return "", fmt.Errorf("find path of inode %d: %w", ino, classify(err))
	}
	var names []string // from the inode up
	parent := ino
	for _, s := range steps {
		parent, names = s.parent, append(names, s.name)
	}
	if parent != RootIno {
		return "", fmt.Errorf("find path of inode %d: %w: directory %d", ino, ErrNoEntry, parent)
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), nil
}

// cachedPathBytes bounds the memory that cached paths take: those of a deep tree are
// long.
const cachedPathBytes = 16 << 20

// pathCache has the paths of directories that do not move.
type pathCache struct {
	*lru.Cache[Ino, string]
	bytes atomic.Int64
}

func newPathCache() (*pathCache, error) {
	c := &pathCache{}
	var err error
	c.Cache, err = lru.NewWithEvict(pathCacheSize, func(_ Ino, path string) { c.bytes.Add(-int64(len(path))) })
	return c, err
}

// add keeps a path, and drops those that were not used for longest when all together
// take too much.
func (c *pathCache) add(dir Ino, path string) {
	c.bytes.Add(int64(len(path)))
	if known, _ := c.ContainsOrAdd(dir, path); known {
		c.bytes.Add(-int64(len(path)))
	}
	for c.bytes.Load() > cachedPathBytes && c.Len() > 1 {
		c.RemoveOldest()
	}
}

// handle returns the id of a directory.
func (j *Store) handle(ctx context.Context, dir Ino) (clfs.ID, error) {
	if dir == RootIno {
		return clfs.RootID, nil
	}
	if id, ok := j.handles.Get(dir); ok {
		return id, nil
	}
	var id []byte
	if err := j.row(ctx, `SELECT handle FROM inode WHERE ino = ?`, dir).Scan(&id); err != nil {
		return "", fmt.Errorf("find handle of directory %d: %w", dir, classify(err))
	}
	j.handles.Add(dir, clfs.ID(id))
	return clfs.ID(id), nil
}
