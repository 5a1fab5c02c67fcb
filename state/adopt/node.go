package adopt

import (
	"context"
	"fmt"

	"clfsload/clfs"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var setKindStmt = store.NewStatement(`UPDATE inode SET type = ?2, rdev = ?3, target = ?4 WHERE ino = ?1`)

// AdoptedNode is what the container says of an inode.
type AdoptedNode struct {
	Attr          schema.Attr
	Target        []byte    // of a symbolic link
	Version       uint32    // of its blob
	Owner         uint64    // hash64 of the owner in the blob's name
	NamedHardLink bool      // the blob's name says clfs.TypeHardLink
	OlderVersions bool      // there are lower versions of it
	Back          []clfs.ID // the directories that link to it; not of a directory
	OddLayout     bool      // a file that is not cut into blocks as ours are
}

// AdoptNode notes what the container says of a Remote node. Nothing is done for any other.
func (j Adopter) AdoptNode(ctx context.Context, ino schema.Ino, a AdoptedNode) error {
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		n, err := t.Node(ino)
		if err != nil || n.State != schema.Remote {
			return err
		}
		before := *n
		takeOver(n, &a, t.NextSeq())
		if !n.IsDirectory() {
			if err := adoptLinks(t, n, a.Back); err != nil {
				return err
			}
		}
		if _, err := setKindStmt.Exec(t, ino, a.Attr.Type, int64(a.Attr.Rdev), a.Target); err != nil {
			return err
		}
		return t.Save(&before, n)
	})
	if err != nil {
		return fmt.Errorf("adopt inode %d: %w", ino, err)
	}
	return nil
}

// takeOver takes over what the container says, but for the links of a file. What is in the
// container counts as the seal before the generation next, which this journal must not have used
// for the node: it may have had it before, and dropped it.
func takeOver(n *schema.Node, a *AdoptedNode, next uint64) {
	n.Attr, n.Target = a.Attr, a.Target
	n.Attr.Ino = uint64(n.Ino)
	n.State, n.PutVersion, n.PutOwner, n.Version = schema.Done, a.Version, a.Owner, a.Version+1
	n.Gen, n.Next, n.PutGen = 0, next, next
	n.Flags |= schema.Adopted
	if a.NamedHardLink {
		n.Flags |= schema.NamedHardLink
	}
	if a.OlderVersions {
		n.Flags |= schema.OlderVersions
	}
	if a.OddLayout {
		n.Flags |= schema.Unfaithful
	}
	switch {
	case n.IsDirectory():
		n.Flags |= schema.BaseMap
		n.SetLinks(max(uint32(a.Attr.Nlink), 2))
	case n.Attr.Type == clfs.TypeRegular:
		n.Flags |= schema.BaseMap | schema.Evicted
		n.SealedBlocks = schema.Blocks(n.Attr.Size)
	default:
		n.SealedBlocks = schema.Blocks(n.Attr.Size)
	}
}

// RemoteEntry is an entry whose inode was not read yet.
type RemoteEntry struct {
	Cookie uint64
	Ino    schema.Ino
}

// RemoteEntries returns up to limit entries of a directory whose inodes were not read yet, in
// the order of their cookies, all above after.
func (j Adopter) RemoteEntries(ctx context.Context, dir schema.Ino, after uint64, limit int) ([]RemoteEntry, error) {
	list, err := store.QueryAll(ctx, j.Read, scanRemoteEntry, `SELECT d.cookie, d.ino FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.cookie > ? AND i.state = ? ORDER BY d.cookie LIMIT ?`, dir, after, schema.Remote, limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, store.Classify(err))
	}
	return list, nil
}

func scanRemoteEntry(row schema.Scanner) (e RemoteEntry, err error) {
	err = row.Scan(&e.Cookie, &e.Ino)
	return e, err
}
