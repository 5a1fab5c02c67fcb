package readonly

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// Positions in a directory, as the kernel keeps them: 0 before ".", 1 before
// "..", 2 and everything up to 2^32 before the first entry; then the number of
// the segment, plus 1, in the upper half and the number of entries already told
// in the lower half. They mean the same in every listing of the directory.
const (
	afterDot    = 1
	afterDotDot = 2
)

func position(segment uint64, told int) uint64 { return (segment+1)<<32 | uint64(told) }

// dirStream is an open directory. It decodes one segment at a time.
type dirStream struct {
	dir     *directory
	list    *listing
	at      uint64
	segment uint64
	entries []object.Dirent // of the segment; nil if it is not read yet
	told    int             // entries of it that were passed
	hidden  map[clfs.ID]bool
}

var (
	_ fs.FileReaddirenter = (*dirStream)(nil)
	_ fs.FileSeekdirer    = (*dirStream)(nil)
)

// Seekdir goes to a position.
func (s *dirStream) Seekdir(_ context.Context, off uint64) syscall.Errno {
	s.at, s.entries, s.segment, s.told = off, nil, 0, 0
	if off>>32 > 0 {
		s.segment, s.told = off>>32-1, int(uint32(off))
	}
	return 0
}

// Readdirent returns the next entry, nil at the end.
func (s *dirStream) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	switch s.at {
	case 0:
		s.at = afterDot
		return &fuse.DirEntry{Name: ".", Mode: unix.S_IFDIR, Ino: s.dir.StableAttr().Ino, Off: s.at}, 0
	case afterDot:
		s.at = afterDotDot
		return &fuse.DirEntry{Name: "..", Mode: unix.S_IFDIR, Ino: s.dir.parentNumber(), Off: s.at}, 0
	}
	for s.segment < s.list.blocks {
		if err := s.read(ctx); err != nil {
			return nil, s.dir.sys.fail("list directory", s.dir.path(), stale(err))
		}
		if e := s.next(); e != nil {
			return e, 0
		}
		s.segment, s.entries, s.told = s.segment+1, nil, 0
	}
	return nil, 0
}

// next returns the next entry of the segment.
func (s *dirStream) next() *fuse.DirEntry {
	for s.told < len(s.entries) {
		d := s.entries[s.told]
		s.told++
		s.at = position(s.segment, s.told)
		if shown(d.Name) && !s.hidden[d.ID] {
			return &fuse.DirEntry{Name: string(d.Name), Mode: modeOf(d.ID), Ino: InodeNumber(d.ID), Off: s.at}
		}
	}
	return nil
}

// read gets the segment that the stream is in.
func (s *dirStream) read(ctx context.Context) error {
	if s.entries != nil {
		return nil
	}
	for _, b := range s.list.lost {
		if b.number == s.segment {
			return b.err
		}
	}
	s.dir.sys.segmentsFrom(s.list, s.segment+1)
	raw, err := s.dir.sys.segment(ctx, s.list, s.segment)
	if err != nil {
		return err
	}
	s.entries = []object.Dirent{}
	for d, err := range object.Dirents(raw) {
		if err != nil {
			return err
		}
		s.entries = append(s.entries, d)
	}
	return nil
}

// segmentsAhead is how many directory segments are fetched ahead of a listing.
const segmentsAhead = 8

// segmentsFrom fetches the next segments ahead.
func (r *system) segmentsFrom(l *listing, number uint64) {
	for n := number; n < min(number+segmentsAhead, l.blocks); n++ {
		if !r.segments.Ahead(l.block(n), clfs.DirSegmentBytes, r.fetchSegment(l, n)) {
			return
		}
	}
}

// modeOf is the file type that an entry's filehandle tells, 0 if it does not.
func modeOf(id clfs.ID) uint32 {
	if h, err := clfs.ParseHandle(id); err == nil {
		return h.Type.ModeBits()
	}
	return 0
}
