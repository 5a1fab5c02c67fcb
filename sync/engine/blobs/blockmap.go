package blobs

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

// NewMapBuilder returns a builder that uploads indirect blocks of a generation as
// they fill.
func (s *Store) NewMapBuilder(ctx context.Context, owner clfs.ID, generation uint64, ctime uint32) *blockmap.Builder {
	key := s.journal.Settings.Key
	newID := func(tree, depth int, index uint64) clfs.ID {
		return clfs.IndirectID(key, owner, generation, tree, depth, index)
	}
	return blockmap.NewBuilder(owner, newID, s.PutIndirect(ctx, owner, ctime))
}

// PutIndirect returns what uploads indirect blocks of an inode.
func (s *Store) PutIndirect(ctx context.Context, owner clfs.ID, ctime uint32) func(clfs.ID, object.IndirectBlock) error {
	return func(id clfs.ID, b object.IndirectBlock) error {
		b.Ctime = ctime
		packed := compression.Pack(nil, b.Append(nil), s.journal.Settings.Compression)
		if err := s.Put(ctx, clfs.ObjectName(id, owner, clfs.TypeIndirect, clfs.FirstVersion), packed); err != nil {
			return fmt.Errorf("put indirect block of tree %d: %w", b.Tree, err)
		}
		return nil
	}
}
