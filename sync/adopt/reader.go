package adopt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"golang.org/x/sync/singleflight"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/rescue"
	"clfsload/state"
	"clfsload/sync/tree"
)

// A Reader adopts parts of a container. It may be used by many goroutines.
type Reader struct {
	journal *state.Journal
	tree    *tree.Tree
	log     *slog.Logger
	reading singleflight.Group
	listing sync.Map // numbers of directories that are being read
}

// New returns a Reader for a journal of an adopted container.
func New(j *state.Journal, t *tree.Tree, log *slog.Logger) *Reader {
	return &Reader{journal: j, tree: t, log: log}
}

// Read adopts the part that a refused change needs. If several callers need the same part, it is
// read once. Parts that were read meanwhile are not read again. A node that was dropped meanwhile
// is not read either: the caller repeats the change and finds its present state.
func (r *Reader) Read(ctx context.Context, u state.Unread) error {
	err := r.read(ctx, u)
	if errors.Is(err, state.ErrNoEntry) {
		return nil
	}
	return err
}

func (r *Reader) read(ctx context.Context, u state.Unread) error {
	switch u.Part {
	case state.Attributes:
		return r.once(attributesKey(u.Ino), func() error { return r.attributes(ctx, u.Ino) })
	case state.Entries:
		return r.once(entriesKey(u.Ino), func() error {
			r.listing.Store(u.Ino, true)
			defer r.listing.Delete(u.Ino)
			return r.entries(ctx, u.Ino)
		})
	}
	return r.otherNames(ctx, u.Ino)
}

func attributesKey(ino state.Ino) string { return "a" + strconv.FormatUint(uint64(ino), 10) }
func entriesKey(ino state.Ino) string    { return "e" + strconv.FormatUint(uint64(ino), 10) }

func (r *Reader) once(key string, do func() error) error {
	_, err, _ := r.reading.Do(key, func() (any, error) { return nil, rescue.Call(do) })
	return err
}

// Drop removes a page of a directory's entries from the journal again: see
// [state.Journal.DropEntries].
func (r *Reader) Drop(ctx context.Context, dir state.Ino, after []byte, inUse func(state.Ino) bool) (d state.Dropped, err error) {
	if _, busy := r.listing.Load(dir); busy {
		return d, nil // the dropping goroutine makes others wait
	}
	err = r.once(entriesKey(dir), func() error { // not while it is read
		d, err = r.journal.DropEntries(ctx, dir, after, inUse)
		return err
	})
	return d, err
}

// otherNames reads a directory that has another link to an inode.
func (r *Reader) otherNames(ctx context.Context, ino state.Ino) error {
	links, err := r.journal.Backlinks(ctx, ino)
	if err != nil || len(links) == 0 {
		return err
	}
	dir := links[0].Dir
	err = r.reach(ctx, dir)
	if err != nil {
		if n, gone := r.tree.Node(ctx, dir); tree.IsMissing(gone) || gone == nil && !n.IsDir() {
			r.log.Warn("a file of the container has a back pointer to a missing directory", "inode", uint64(ino), "directory", dir.String())
			return r.journal.DropBacklinks(ctx, dir)
		}
		return fmt.Errorf("look for the other names of inode %d: %w", ino, err)
	}
	return nil
}

// maxDepth bounds the number of parent directories that are followed: more is a loop.
const maxDepth = 1 << 16

// reach reads the entries of a directory of which only the id is known. Its parent directories are
// read first, starting from the known one.
func (r *Reader) reach(ctx context.Context, id clfs.ID) error {
	climbed := []clfs.ID{id}
	n, err := r.journal.NodeOf(ctx, id)
	for errors.Is(err, state.ErrNoEntry) {
		if len(climbed) > maxDepth {
			return &tree.Damage{Kind: tree.KindLoop, Object: "directory " + id.String(), Reason: "the directories above it do not lead to the root"}
		}
		if id, err = r.above(ctx, id); err != nil {
			return err
		}
		climbed = append(climbed, id)
		n, err = r.journal.NodeOf(ctx, id)
	}
	for i := len(climbed) - 1; err == nil; i-- {
		if !n.IsDirectory() {
			return &tree.Damage{Kind: tree.KindBackPointer, Object: "inode " + climbed[i].String(), Reason: "it is not a directory, but names lead through it"}
		}
		if err = r.Read(ctx, state.Unread{Ino: n.Ino, Part: state.Entries}); err != nil || i == 0 {
			return err
		}
		dir := n.Ino
		if n, err = r.journal.NodeOf(ctx, climbed[i-1]); errors.Is(err, state.ErrNoEntry) {
			return r.unreached(ctx, climbed, dir)
		}
	}
	return err
}

// unreached handles a directory that its parent dir does not list. The entries of dir may have been
// dropped since they were read: then the search for the first directory starts again.
func (r *Reader) unreached(ctx context.Context, climbed []clfs.ID, dir state.Ino) error {
	n, err := r.journal.Node(ctx, dir)
	if errors.Is(err, state.ErrNoEntry) || err == nil && n.Flags&state.Unlisted != 0 {
		return r.reach(ctx, climbed[0])
	}
	if err != nil {
		return err
	}
	return &tree.Damage{Kind: tree.KindBackPointer, Object: "directory " + climbed[0].String(), Reason: "its parent directory does not list it"}
}

// above is the parent directory, the entry "..".
func (r *Reader) above(ctx context.Context, id clfs.ID) (clfs.ID, error) {
	n, err := r.tree.Node(ctx, id)
	if err != nil {
		return "", err
	}
	for d, err := range object.Dirents(n.Inode.Dirents) {
		if err != nil {
			return "", tree.BadObject(err, n.Blob)
		}
		if string(d.Name) == ".." && d.ID != id {
			return d.ID, nil
		}
	}
	return "", &tree.Damage{Kind: tree.KindDots, Object: n.Blob, Reason: "the directory does not name its parent"}
}
