package inventory

import (
	"bytes"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// directory reads the directory id, which was found at p, and all below it.
func (r *reader) directory(p place, id clfs.ID) {
	if r.above[id] {
		r.problem(p.path, "leads back to a directory above it")
		return
	}
	r.above[id] = true
	defer delete(r.above, id)
	payload, name := r.fetch(p.path, id)
	if payload == nil {
		return
	}
	in, err := object.DecodeInode(payload)
	if err != nil {
		r.problem(p.path, "%v", err)
		return
	}
	r.directories++
	if id == clfs.RootID {
		r.root, r.rootName = in, string(in.Name)
		r.checkRoot(in)
	} else {
		expect(r, p.path, "name in the inode", string(in.Name), string(p.name))
		r.checkHandle(p.path, id, p.parent, clfs.TypeDirectory)
	}
	r.checkName(p.path, name, p.parent, clfs.TypeDirectory)
	r.checkInode(p.path, id, in)
	expect(r, p.path, "back pointers", len(in.BackPointers), 0)
	r.tree[p.path] = entryOfInode(p.path, id, in)
	subdirectories := r.children(p, id, r.direntSegments(p.path, id, in))
	expect(r, p.path, "link count", in.Attr.Nlink, uint32(2+subdirectories))
}

// checkRoot holds the root inode against section 6 of docs/clfs-format.md.
func (r *reader) checkRoot(in *object.Inode) {
	values := map[string]string{}
	for _, attribute := range in.ExtAttrs {
		values[attribute.Key] = attribute.Value
	}
	expect(r, ".", "number of extended attributes", len(in.ExtAttrs), 3)
	expect(r, ".", "containeridEpoch", values["containeridEpoch"], "2")
	expect(r, ".", "length of massUUID", len(values["massUUID"]), 36)
	expect(r, ".", "length of wipeEpoch", len(values["wipeEpoch"]), 36)
}

// direntSegments returns the entries of each of the directory's segments.
func (r *reader) direntSegments(path string, id clfs.ID, in *object.Inode) [][]byte {
	segments := [][]byte{in.Dirents}
	size := 4 + len(in.Dirents)
	offset := uint64(clfs.FirstSegmentBytes)
	for _, block := range r.blocks(path, id, in) {
		segment, ok := r.segment(path, block, id, in)
		if !ok {
			continue
		}
		expect(r, path, "offset of a segment", segment.Offset, offset)
		expect(r, path, "segment with entries", segment.IsDirectory, true)
		segments = append(segments, segment.Dirents)
		size += 4 + len(segment.Dirents)
		offset += clfs.DirSegmentBytes
	}
	expect(r, path, "size", in.Attr.Size, uint64(size))
	r.checkPacking(path, segments)
	return segments
}

// checkPacking says whether each segment but the last was filled as far as the
// next entry allowed.
func (r *reader) checkPacking(path string, segments [][]byte) {
	limit := clfs.FirstDirentBytes
	for i, segment := range segments {
		if len(segment) > limit {
			r.problem(path, "segment %d has %d bytes of entries, more than %d", i, len(segment), limit)
		}
		if i+1 < len(segments) {
			for next, err := range object.Dirents(segments[i+1]) {
				if err == nil && len(segment)+object.DirentSize(len(next.Name), len(next.ID)) <= limit {
					r.problem(path, "segment %d was ended too early", i)
				}
				break
			}
		}
		limit = clfs.DirSegmentBytes
	}
}

// children visits the entries and returns how many directories are among them.
func (r *reader) children(p place, id clfs.ID, segments [][]byte) int {
	position, subdirectories := 0, 0
	for _, segment := range segments {
		for entry, err := range object.Dirents(segment) {
			if err != nil {
				r.problem(p.path, "entry %d: %v", position, err)
				break
			}
			switch position {
			case 0:
				r.checkDot(p.path, entry, ".", id)
			case 1:
				r.checkDot(p.path, entry, "..", p.parent)
			default:
				subdirectories += r.child(place{join(p.path, string(entry.Name)), id, entry.Name}, entry.ID)
			}
			position++
		}
	}
	if position < 2 {
		r.problem(p.path, "lists %d entries, not even . and ..", position)
	}
	return subdirectories
}

func (r *reader) checkDot(path string, entry object.Dirent, name string, id clfs.ID) {
	if string(entry.Name) != name || entry.ID != id {
		r.problem(path, "entry %q of %s where %q of %s belongs", entry.Name, entry.ID, name, id)
	}
}

// child visits an entry; it returns 1 for a directory.
func (r *reader) child(p place, id clfs.ID) int {
	if len(p.name) == 0 || bytes.ContainsAny(p.name, "/\x00") || string(p.name) == "." || string(p.name) == ".." {
		r.problem(p.path, "%q is no name", p.name)
		return 0
	}
	if _, twice := r.tree[p.path]; twice {
		r.problem(p.path, "is listed twice")
		return 0
	}
	if names := r.byID[id]; len(names) > 0 && names[0].Type == clfs.TypeDirectory {
		r.directory(p, id)
		return 1
	}
	r.file(p, id)
	return 0
}
