package contents

import (
	"golang.org/x/sys/unix"

	"clfsload/state"
)

// Seek finds the next data or hole from off on.
func (f *File) Seek(off int64, whence int) (int64, error) {
	if err := f.share(); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	if off < 0 || off >= f.size {
		return 0, ErrNoSuchData
	}
	switch whence {
	case unix.SEEK_DATA:
		return f.seekData(off)
	case unix.SEEK_HOLE:
		return f.seekHole(off)
	}
	return 0, ErrInvalid
}

// seekData finds the next byte that is data. Remote blocks are data.
func (f *File) seekData(off int64) (int64, error) {
	at := f.size
	if next, found := f.remote.next(blockAt(off)); found {
		start, _ := state.BlockRange(next)
		at = max(start, off)
	}
	if f.staged != nil && at > off {
		local, found, err := f.staged.Find(off, unix.SEEK_DATA)
		if err != nil {
			return 0, err
		}
		if found {
			at = min(at, local)
		}
	}
	if at >= f.size {
		return 0, ErrNoSuchData
	}
	return at, nil
}

// seekHole finds the next byte that is in a hole, or the end of the file.
func (f *File) seekHole(off int64) (int64, error) {
	for off < f.size {
		index := blockAt(off)
		if f.remote.has(index) {
			at, length := state.BlockRange(index)
			off = at + length
			continue
		}
		if f.staged == nil {
			return off, nil
		}
		hole, found, err := f.staged.Find(off, unix.SEEK_HOLE)
		if err != nil {
			return 0, err
		}
		if !found {
			break
		}
		if hole >= f.size || !f.remote.has(blockAt(hole)) {
			off = hole
			break
		}
		off = hole
	}
	return min(off, f.size), nil
}
