package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"clfsload/cmd/clfsload/flags"
	"clfsload/fusefs/daemon/backing"
	"clfsload/sync/blob"
	"clfsload/sync/blob/cache"
	"clfsload/sync/tree"
)

// openCachedTree opens the container of a read-only mount, with its cache in front of it if there
// is one. The cache entries belong to the container with this bucket object.
func openCachedTree(cmd *cobra.Command, f *readFlags, target string, look scope, c flags.Cache, log *slog.Logger) (*cache.Dir, *tree.Tree, error) {
	if c.Dir == "" {
		t, err := f.openTree(cmd, target, "", look)
		return nil, t, err
	}
	dir, err := backing.OpenCache(c.Dir, int64(c.Size), log)
	if err != nil {
		return nil, nil, err
	}
	var cached *cache.Container
	f.wrap = func(c blob.Container) blob.Container {
		cached = dir.Wrap(c, backing.IsImmutable)
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
