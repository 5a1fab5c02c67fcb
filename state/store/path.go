package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// Path returns the path of an inode below the root of the tree, by its first
// name; the root's is "".
func (j *Store) Path(ctx context.Context, in schema.Inode) (string, error) {
	if in.Ino == schema.RootIno {
		return "", nil
	}
	dir, err := j.DirectoryPath(ctx, in.Parent)
	if err != nil {
		return "", err
	}
	return Join(dir, in.Name), nil
}

func Join(dir string, name []byte) string {
	if dir == "" {
		return string(name)
	}
	return dir + "/" + string(name)
}

// DirectoryPath climbs until it meets a directory whose path it knows.
func (j *Store) DirectoryPath(ctx context.Context, ino schema.Ino) (path string, err error) {
	if ino == schema.RootIno {
		return "", nil
	}
	if j.Settings.Kind == schema.KindMount {
		// Directories move: what was read once may be wrong soon.
		err = j.Read(ctx, func(q Querier) error {
			path, err = Climb(ctx, q, ino)
			return err
		})
		return path, err
	}
	if path, ok := j.paths.Get(ino); ok {
		return path, nil
	}
	var parent schema.Ino
	var name []byte
	row := j.Row(ctx, `SELECT parent, name FROM inode WHERE ino = ?`, ino)
	if err := row.Scan(&parent, &name); err != nil {
		return "", fmt.Errorf("find path of directory %d: %w", ino, Classify(err))
	}
	above, err := j.DirectoryPath(ctx, parent)
	if err != nil {
		return "", err
	}
	path = Join(above, name)
	j.paths.add(ino, path)
	return path, nil
}

// step is an inode on the way from another one to the root.
type step struct {
	parent schema.Ino
	name   string
}

// Climb returns the path of an inode in one query, whatever its depth.
func Climb(ctx context.Context, q Querier, ino schema.Ino) (string, error) {
	rows, err := q.QueryContext(ctx, `WITH RECURSIVE up (ino, parent, name, height) AS (
			SELECT ino, parent, name, 0 FROM inode WHERE ino = ?1 AND ino <> ?2
			UNION ALL SELECT i.ino, i.parent, i.name, height + 1 FROM up CROSS JOIN inode i ON i.ino = up.parent WHERE i.ino <> ?2)
		SELECT parent, name FROM up ORDER BY height`, ino, schema.RootIno)
	steps, err := schema.ScanAll(rows, err, func(row schema.Scanner) (s step, err error) {
		err = row.Scan(&s.parent, &s.name)
		return s, err
	})
	if err != nil {
		return "", fmt.Errorf("find path of inode %d: %w", ino, Classify(err))
	}
	var names []string // from the inode up
	parent := ino
	for _, s := range steps {
		parent, names = s.parent, append(names, s.name)
	}
	if parent != schema.RootIno {
		return "", fmt.Errorf("find path of inode %d: %w: directory %d", ino, schema.ErrNoEntry, parent)
	}
	slices.Reverse(names)
	return strings.Join(names, "/"), nil
}

// cachedPathBytes bounds the memory that cached paths take: those of a deep tree are
// long.
const cachedPathBytes = 16 << 20

// pathCache has the paths of directories that do not move.
type pathCache struct {
	*lru.Cache[schema.Ino, string]
	bytes atomic.Int64
}

func newPathCache() (*pathCache, error) {
	c := &pathCache{}
	var err error
	c.Cache, err = lru.NewWithEvict(pathCacheSize, func(_ schema.Ino, path string) { c.bytes.Add(-int64(len(path))) })
	return c, err
}

// add keeps a path, and drops those that were not used for longest when all together
// take too much.
func (c *pathCache) add(dir schema.Ino, path string) {
	c.bytes.Add(int64(len(path)))
	if known, _ := c.ContainsOrAdd(dir, path); known {
		c.bytes.Add(-int64(len(path)))
	}
	for c.bytes.Load() > cachedPathBytes && c.Len() > 1 {
		c.RemoveOldest()
	}
}

// Handle returns the id of a directory.
func (j *Store) Handle(ctx context.Context, dir schema.Ino) (clfs.ID, error) {
	if dir == schema.RootIno {
		return clfs.RootID, nil
	}
	if id, ok := j.handles.Get(dir); ok {
		return id, nil
	}
	var id []byte
	if err := j.Row(ctx, `SELECT handle FROM inode WHERE ino = ?`, dir).Scan(&id); err != nil {
		return "", fmt.Errorf("find handle of directory %d: %w", dir, Classify(err))
	}
	j.handles.Add(dir, clfs.ID(id))
	return clfs.ID(id), nil
}
