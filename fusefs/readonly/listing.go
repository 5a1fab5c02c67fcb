package readonly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/fusefs/fetch"
)

// A listing finds the entries of a directory by name. It takes 12 bytes for each,
// and the entries of the inode; those of the blocks come from the cache of
// segments.
type listing struct {
	id      clfs.ID
	node    Node    // the version of the directory that it lists
	first   []byte  // entries in the inode
	slots   []slot  // by hash of the name
	unknown error   // a part of the directory that cannot be read
	blocks  uint64  // one more than the number of the last block
	lost    []block // blocks that cannot be read

	damaged atomic.Bool // no publication accounts for unknown
}

// slot is where an entry lies.
type slot struct {
	hash    uint32
	segment uint32
	offset  uint32 // in bytes
}

// block is a block that cannot be read, and why.
type block struct {
	number uint64
	err    error
}

// nameSeed makes names that collide unpredictable to whoever writes containers.
var nameSeed = maphash.MakeSeed()

func hashName[T ~string | ~[]byte](name T) uint32 {
	return uint32(maphash.String(nameSeed, string(name)))
}

// listing returns the lookup table of a directory as it was at a stamp or later.
func (r *system) listing(ctx context.Context, id clfs.ID, since uint64) (*listing, error) {
	n, err := r.nodeSince(ctx, id, since)
	if err != nil {
		return nil, r.gone(err)
	}
	key := versionKey{id, n.Version()}
	l, err := r.listings.Get(ctx, key, expectedInode, r.fetchListing(id, n))
	if err != nil || !r.missing(l.unknown) || l.damaged.Load() {
		return l, err
	}
	if err := r.replaced(ctx, id, n, r.places.spotOf(id), l.unknown); errors.Is(err, errReplaced) || errors.Is(err, ErrStale) {
		r.listings.Drop(key, func(*listing) bool { return true })
		return nil, err
	}
	l.damaged.Store(true)
	return l, nil
}

func (r *system) fetchListing(id clfs.ID, n Node) fetch.Func[*listing] {
	return func(ctx context.Context) (*listing, int64, error) {
		l := r.list(ctx, id, n)
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		return l, costOf(n.Inode()) + 12*int64(cap(l.slots)) + 256, nil
	}
}

// block names a block of the directory.
func (l *listing) block(number uint64) blockKey {
	return blockKey{versionKey{l.id, l.node.Version()}, number}
}

// list reads a whole directory.
func (r *system) list(ctx context.Context, id clfs.ID, n Node) *listing {
	l := &listing{id: id, node: n, first: n.Inode().Dirents, blocks: 1}
	r.addSegment(l, 0, l.first)
	for s, err := range n.DirSegments(ctx, 1, math.MaxUint64) {
		if err == nil && s.Number > math.MaxUint32 {
			err = fmt.Errorf("directory %s: block %d is out of range", id, s.Number)
		}
		if err != nil {
			l.lose(s.Number, err)
			continue
		}
		raw := slices.Clone(s.Raw)
		r.addSegment(l, uint32(s.Number), raw)
		r.segments.Keep(l.block(s.Number), raw, int64(len(raw)))
	}
	slices.SortFunc(l.slots, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.segment, b.segment), cmp.Compare(a.offset, b.offset))
	})
	return l
}

func (l *listing) lose(number uint64, err error) {
	l.unknown = err
	l.lost = append(l.lost, block{number, err})
	l.blocks = max(l.blocks, number+1)
}

// addSegment takes the entries of a segment into the table.
func (r *system) addSegment(l *listing, number uint32, raw []byte) {
	l.blocks = max(l.blocks, uint64(number)+1)
	offset := uint32(0)
	for d, err := range object.Dirents(raw) {
		if err != nil {
			l.lose(uint64(number), fmt.Errorf("directory %s, block %d: %w", l.id, number, err))
			return
		}
		if at := offset; shown(d.Name) {
			l.slots = append(l.slots, slot{hashName(d.Name), number, at})
		} else if !isDot(d.Name) {
			r.log.Warn("passed over an entry with a name that no file can have", "directory", l.id.String(), "name", string(d.Name))
		}
		offset += uint32(object.DirentSize(len(d.Name), len(d.ID)))
	}
}

// maxName is the longest name that Linux allows, in bytes.
const maxName = 255

// shown reports whether an entry has a name that a file can have.
func shown(name []byte) bool {
	return len(name) <= maxName && !isDot(name) && !strings.ContainsAny(string(name), "/\x00")
}

func isDot(name []byte) bool { return string(name) == "." || string(name) == ".." }

// ErrNoEntry says that a directory has no entry of a name.
var ErrNoEntry = errors.New("no such entry")

// find looks a name up. rest are the entries of the same segment that come
// behind it.
func (r *system) find(ctx context.Context, l *listing, name string) (id clfs.ID, at slot, rest []byte, err error) {
	hash := hashName(name)
	i, _ := slices.BinarySearchFunc(l.slots, hash, func(s slot, h uint32) int { return cmp.Compare(s.hash, h) })
	for ; i < len(l.slots) && l.slots[i].hash == hash; i++ {
		at = l.slots[i]
		raw, err := r.segment(ctx, l, uint64(at.segment))
		if err != nil {
			return "", at, nil, err
		}
		d, rest := entryAt(raw, at.offset)
		if string(d.Name) == name {
			return d.ID, at, rest, nil
		}
	}
	if l.unknown != nil {
		return "", at, nil, l.unknown
	}
	return "", at, nil, ErrNoEntry
}

// entryAt returns the entry at an offset that is known to be right.
func entryAt(raw []byte, offset uint32) (d object.Dirent, rest []byte) {
	if uint64(offset) >= uint64(len(raw)) {
		return object.Dirent{}, nil
	}
	raw = raw[offset:]
	for d, err := range object.Dirents(raw) {
		if err != nil {
			break
		}
		return d, raw[object.DirentSize(len(d.Name), len(d.ID)):]
	}
	return object.Dirent{}, nil
}

// segment returns the packed entries of one segment of a directory.
func (r *system) segment(ctx context.Context, l *listing, number uint64) ([]byte, error) {
	if number == 0 {
		return l.first, nil
	}
	raw, err := r.segments.Get(ctx, l.block(number), clfs.DirSegmentBytes, r.fetchSegment(l, number))
	return raw, r.replaced(ctx, l.id, l.node, r.places.spotOf(l.id), err)
}

func (r *system) fetchSegment(l *listing, number uint64) fetch.Func[[]byte] {
	return func(ctx context.Context) ([]byte, int64, error) {
		for s, err := range l.node.DirSegments(ctx, number, number+1) {
			if err != nil {
				return nil, 0, err
			}
			return slices.Clone(s.Raw), int64(len(s.Raw)), nil
		}
		return nil, 0, ctx.Err() // a hole
	}
}
