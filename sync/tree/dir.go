package tree

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// A DirSegment is the run of a directory's entries in one object.
type DirSegment struct {
	Number uint64 // 0: in the inode, from 1: block of that number
	Blob   string
	Raw    []byte // packed entries; valid until the next segment
}

// DirSegments reads a directory's segments in order, some of them ahead. If a segment cannot be
// read, it comes as an error, and the iteration continues. Damage of the directory as a whole comes
// last, as errors with the number after the last segment's: dots, duplicate names, the link count,
// and a size that is not that of the entries. See [Damage.Whole].
func (t *Tree) DirSegments(ctx context.Context, n *Node) iter.Seq2[DirSegment, error] {
	return func(yield func(DirSegment, error) bool) {
		check, last := t.newDirCheck(n), DirSegment{}
		defer check.names.Close()
		for s, err := range t.dirSegments(ctx, n) {
			if checkErr := check.segment(s, err); checkErr != nil {
				yield(DirSegment{}, checkErr)
				return
			}
			if !yield(s, err) {
				return
			}
			last.Number = max(last.Number, s.Number)
		}
		if !n.IsDir() || ctx.Err() != nil {
			return
		}
		found, err := check.finish(ctx)
		if err != nil {
			found = []error{err}
		}
		for _, err := range found {
			if !yield(DirSegment{Number: last.Number + 1, Blob: n.Blob}, err) {
				return
			}
		}
	}
}

func (t *Tree) dirSegments(ctx context.Context, n *Node) iter.Seq2[DirSegment, error] {
	return func(yield func(DirSegment, error) bool) {
		if !n.IsDir() {
			yield(DirSegment{}, fmt.Errorf("%s: %w", n.Blob, ErrNotDirectory))
			return
		}
		if !yield(DirSegment{Blob: n.Blob, Raw: n.Inode.Dirents}, nil) {
			return
		}
		for s, err := range t.DirBlocks(ctx, n, 1, AllBlocks) {
			if !yield(s, err) {
				return
			}
		}
	}
}

// DirBlocks reads the blocks from..to of a directory, which are its segments except the one in the
// inode.
func (t *Tree) DirBlocks(ctx context.Context, n *Node, from, to uint64) iter.Seq2[DirSegment, error] {
	return func(yield func(DirSegment, error) bool) {
		for p, err := range t.Pieces(ctx, n, from, to) {
			if p.Indirect && err == nil {
				continue
			}
			if err == nil {
				err = CheckSegment(n, p.Number, p.Blob, p.Segment)
			}
			if !yield(DirSegment{Number: p.Number, Blob: p.Blob.Blob, Raw: p.Segment.Dirents}, err) {
				return
			}
		}
	}
}

// Entries goes over a directory's entries in the order of the container, "." and ".." among them.
// Names are valid until the next entry. After an error in one segment it continues with the next
// one. Names are not checked: see [ValidName].
func (t *Tree) Entries(ctx context.Context, n *Node) iter.Seq2[object.Dirent, error] {
	return func(yield func(object.Dirent, error) bool) {
		for s, err := range t.DirSegments(ctx, n) {
			if err != nil {
				if !yield(object.Dirent{}, err) {
					return
				}
				continue
			}
			for d, err := range object.Dirents(s.Raw) {
				if err != nil {
					err = BadObject(err, s.Blob)
				}
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// isDot reports whether a name is "." or "..".
func isDot(name []byte) bool { return string(name) == "." || string(name) == ".." }

// Lookup resolves a path from the root, with or without a slash in front. Symbolic links are not
// followed, ".." is not allowed. The error wraps [ErrNotFound] or [ErrNotDirectory], or is the
// damage.
func (t *Tree) Lookup(ctx context.Context, path string) (*Node, error) {
	n, err := t.Root(ctx)
	if err != nil {
		return nil, err
	}
	at := ""
	for name := range strings.SplitSeq(path, "/") {
		if !n.IsDir() { // a slash behind a name wants a directory too
			return nil, fmt.Errorf("%s: %w", at, ErrNotDirectory)
		}
		if name == "" || name == "." {
			continue
		}
		at += "/" + name
		if n, err = t.child(ctx, n, name); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
	}
	return n, nil
}

func (t *Tree) child(ctx context.Context, dir *Node, name string) (*Node, error) {
	id, err := t.LookupName(ctx, dir, name)
	if err != nil {
		return nil, err
	}
	return t.Node(ctx, id)
}

// LookupName finds an entry of a directory. If there is none, the error wraps [ErrNotFound]. An
// unreadable part of the directory is an error only if the name is in no other part.
func (t *Tree) LookupName(ctx context.Context, dir *Node, name string) (clfs.ID, error) {
	if isDot([]byte(name)) {
		return "", fmt.Errorf("%w: a path cannot hold %q", ErrNotFound, name)
	}
	missing := ErrNotFound
	for d, err := range t.Entries(ctx, dir) {
		if err != nil {
			missing = err
		} else if string(d.Name) == name {
			return d.ID, nil
		}
	}
	return "", missing
}
