package inventory

import (
	"clfsload/clfs"
	"clfsload/clfs/object"
)

// file reads the inode id, which is no directory and was found at p. A further
// link to one that was read already is only noted.
func (r *reader) file(p place, id clfs.ID) {
	if o, seen := r.objects[id]; seen {
		o.places = append(o.places, p)
		again := o.entry
		again.Path = p.path
		r.tree[p.path] = again
		return
	}
	payload, name := r.fetch(p.path, id)
	if payload == nil {
		return
	}
	in, err := object.DecodeInode(payload)
	if err != nil {
		r.problem(p.path, "%v", err)
		return
	}
	if len(in.BackPointers) == 0 || len(in.BackPointers) > clfs.MaxLinks {
		r.problem(p.path, "has %d back pointers", len(in.BackPointers))
		return
	}
	owner := in.BackPointers[0]
	r.checkName(p.path, name, owner, in.Attr.Type)
	r.checkHandle(p.path, id, owner, in.Attr.Type)
	r.checkInode(p.path, id, in)
	expect(r, p.path, "link count", in.Attr.Nlink, uint32(len(in.BackPointers)))
	entry := entryOfInode(p.path, id, in)
	r.readContents(p.path, id, in, &entry)
	r.objects[id] = &foundInode{inode: in, entry: entry, places: []place{p}}
	r.tree[p.path] = entry
}

func (r *reader) readContents(path string, id clfs.ID, in *object.Inode, entry *Entry) {
	switch in.Attr.Type {
	case clfs.TypeRegular:
		entry.Hash = r.hashOfContents(path, id, in)
	case clfs.TypeSymlink:
		entry.Target = string(in.Data)
		expect(r, path, "size", in.Attr.Size, uint64(len(in.Data)))
		expect(r, path, "number of blocks", len(r.blocks(path, id, in)), 0)
	default:
		expect(r, path, "size", in.Attr.Size, 0)
		expect(r, path, "number of blocks", len(r.blocks(path, id, in)), 0)
	}
}

func entryOfInode(path string, id clfs.ID, in *object.Inode) Entry {
	a := in.Attr
	entry := Entry{
		Path: path, Group: path, Type: a.Type, Mode: uint32(a.Mode), UID: a.UID, GID: a.GID, Size: a.Size, FileID: a.FileID, ID: id,
		Mtime: a.Mtime, Ctime: a.Ctime, Atime: a.Atime, Major: a.RdevMajor, Minor: a.RdevMinor,
	}
	if a.Type == clfs.TypeDirectory {
		entry.Size = 0
	}
	return entry
}

// checkInode holds against each other the fields that every inode has.
func (r *reader) checkInode(path string, id clfs.ID, in *object.Inode) {
	a := in.Attr
	if t, err := clfs.TypeOfMode(uint32(a.Mode)); err != nil || t != a.Type {
		r.problem(path, "type %v and mode %o disagree", a.Type, a.Mode)
	}
	segmentSize := uint32(clfs.SegmentBytes)
	if a.Type == clfs.TypeDirectory {
		segmentSize = clfs.DirSegmentBytes
	}
	expect(r, path, "first segment size", in.FirstSegmentSize, clfs.FirstSegmentBytes)
	expect(r, path, "segment size", in.SegmentSize, segmentSize)
	expect(r, path, "used", a.Used, a.Size)
	expect(r, path, "unknown records", len(in.Unknown), 0)
	if a.Type != clfs.TypeBlock && a.Type != clfs.TypeChar {
		expect(r, path, "device", [2]uint32{a.RdevMajor, a.RdevMinor}, [2]uint32{})
	}
	if id != clfs.RootID {
		expect(r, path, "extended attributes", len(in.ExtAttrs), 0)
	}
	if r.root != nil {
		expect(r, path, "containerid", a.ContainerID, r.root.Attr.ContainerID)
		expect(r, path, "fsid", a.FSID, r.root.Attr.FSID)
	}
}

// handleTypes is the numbering of file types that handles alone use.
var handleTypes = map[clfs.Type]byte{
	clfs.TypeDirectory: 1, clfs.TypeRegular: 2, clfs.TypeSymlink: 3, clfs.TypeBlock: 4,
	clfs.TypeChar: 5, clfs.TypeSocket: 6, clfs.TypeFIFO: 7,
}

// checkHandle holds a filehandle against section 1 of docs/clfs-format.md.
func (r *reader) checkHandle(path string, id, parent clfs.ID, t clfs.Type) {
	handle, err := clfs.ParseHandle(id)
	if err != nil {
		r.problem(path, "%v", err)
		return
	}
	expect(r, path, "handle's type byte", id[6], handleTypes[t])
	if !r.blobs.Lived {
		expect(r, path, "dmid_src", handle.DirMgrSource, parent.DirMgr())
	}
	if t != clfs.TypeDirectory {
		expect(r, path, "dmid_tgt", handle.DirMgrTarget, handle.DirMgrSource)
	}
	if handle.Sequence < clfs.FirstSequence || handle.Random == 0 || clfs.FNV1(id) == 0 {
		r.problem(path, "handle %s must not be used", id)
	}
	if other, taken := r.sequences[handle.Sequence]; taken {
		r.problem(path, "handles %s and %s have one sequence number", id, other)
	}
	r.sequences[handle.Sequence] = id
	if r.root != nil {
		expect(r, path, "handle's containerid", handle.ContainerID&0x07FFFFFF, uint32(r.root.Attr.ContainerID)&0x07FFFFFF)
	}
}
