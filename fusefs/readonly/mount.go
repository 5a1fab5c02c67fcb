package readonly

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/fusefs"
)

// FS is a mounted container.
type FS struct {
	*fusefs.Mount
	stop context.CancelFunc
}

// Mount shows a container at a directory, which [fusefs.PreparePoint] has
// returned. The file system serves when Mount returns; ctx is for the
// beginning alone. Errors wrap [fusefs.ErrMountPoint] or come from the container.
func Mount(ctx context.Context, point string, c Container, o Options) (*FS, error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	m, err := start(ctx, point, newSystem(serving, c, o))
	if err != nil {
		stop()
		return nil, err
	}
	return &FS{m, stop}, nil
}

func start(ctx context.Context, point string, r *system) (*fusefs.Mount, error) {
	root, err := r.node(ctx, clfs.RootID)
	if err != nil {
		return nil, err
	}
	if t := root.Inode().Attr.Type; t != clfs.TypeDirectory {
		return nil, fmt.Errorf("root object %s is a %s, not a directory", clfs.RootID, t)
	}
	options := fuseOptions(r.options)
	return fusefs.Serve(fs.NewNodeFS(r.newInode(clfs.RootID, root, place{}), options), point, &options.MountOptions, r.log)
}

// fuseOptions are those of a read-only mount.
func fuseOptions(o Options) *fs.Options {
	root := rootIdentity()
	out := &fs.Options{
		NullPermissions: true, RootStableAttr: &root,
		MountOptions: fusefs.MountOptions(o.Source, o.AllowOther, o.Log),
	}
	if long := forever * time.Second; o.Follow > 0 {
		out.AttrTimeout = &long // of a version; what may change comes with a time-out of its own
	} else {
		out.EntryTimeout, out.AttrTimeout, out.NegativeTimeout = &long, &long, &long
	}
	out.DisableXAttrs, out.DisableReadDirPlus = true, true
	if os.Geteuid() == 0 {
		out.DirectMountStrict, out.DirectMountFlags = true, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV
	} else {
		out.Options = append(out.Options, "ro")
	}
	return out
}

// Unmount takes the file system away. Where it is in use it disappears from the
// directory tree at once, and whoever has a file open may read it for some
// seconds more.
func (s *FS) Unmount() error {
	defer s.stop()
	return s.Mount.Unmount(true)
}
