package state

import (
	"context"
	"fmt"

	"clfsload/clfs"
)

// Path returns the path of an inode below the root of the tree, by its first
// name; the root's is "".
func (j *Journal) Path(ctx context.Context, in Inode) (string, error) {
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

// maxCachedPath bounds the memory that the paths of very deep trees take.
const maxCachedPath = 4096

// directoryPath climbs until it meets a directory whose path it knows.
func (j *Journal) directoryPath(ctx context.Context, ino Ino) (string, error) {
	if ino == RootIno {
		return "", nil
	}
	// In a mount directories move: what was read once may be wrong soon.
	keep := j.Settings.Kind != KindMount
	if path, ok := j.paths.Get(ino); ok {
		return path, nil
	}
	var parent Ino
	var name []byte
	row := j.read.QueryRowContext(ctx, `SELECT parent, name FROM inode WHERE ino = ?`, ino)
	if err := row.Scan(&parent, &name); err != nil {
		return "", fmt.Errorf("find path of directory %d: %w", ino, classify(err))
	}
	above, err := j.directoryPath(ctx, parent)
	if err != nil {
		return "", err
	}
	path := join(above, name)
	if keep && len(path) <= maxCachedPath {
		j.paths.Add(ino, path)
	}
	return path, nil
}

// handle returns the id of a directory.
func (j *Journal) handle(ctx context.Context, dir Ino) (clfs.ID, error) {
	if dir == RootIno {
		return clfs.RootID, nil
	}
	if id, ok := j.handles.Get(dir); ok {
		return id, nil
	}
	var id []byte
	if err := j.read.QueryRowContext(ctx, `SELECT handle FROM inode WHERE ino = ?`, dir).Scan(&id); err != nil {
		return "", fmt.Errorf("find handle of directory %d: %w", dir, classify(err))
	}
	j.handles.Add(dir, clfs.ID(id))
	return clfs.ID(id), nil
}
