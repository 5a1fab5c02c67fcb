package object

// An inode is the object of a file, directory, link or device
// (docs/clfs-format.md section 3). Its records, in order:
//
//	regular file, symbolic link  VATTR BMAP BACK NAME DATA
//	directory                    VATTR BMAP NAME DIRENTS
//	root directory               VATTR BMAP NAME DIRENTS EXTATTRS
//	device, socket, fifo         VATTR BMAP BACK NAME
//
// A FIFO called "pipe": VATTR 128; BMAP 20 + 8 of sizes + 4 + 26 for the own id
// + 4 + 72 for the roots, padded to 136; BACK 20 + 4 + 26, padded to 56; NAME
// 20 + 4 + 4, padded to 32: 352 bytes, 8 less right under the root.

import (
	"encoding/binary"

	"clfsload/clfs"
)

// An ExtAttr is a key and its value, both UTF-8.
type ExtAttr struct{ Key, Value string }

// An Inode is a decoded inode object. Byte slices and the records in Unknown
// alias the payload it was decoded from.
type Inode struct {
	Attr             Attr
	FirstSegmentSize uint32     // FirstSegmentBytes
	SegmentSize      uint32     // SegmentBytes, for a directory DirSegmentBytes
	Direct           []clfs.ID  // entry 0 is the inode's own id, then data segments; at most MaxDirect
	Roots            [4]clfs.ID // the indirect trees; "" is written as NullBlock
	BackPointers     []clfs.ID  // the directories that link to it, one entry a link; not in a directory
	Name             []byte     // in the first of these directories
	Data             []byte     // regular file: the first segment; symbolic link: the target
	Dirents          []byte     // directory: the entries of the first segment
	ExtAttrs         []ExtAttr  // nil: no such record, empty: a record without entries
	Unknown          []Record   // what this package has no field for, carried over unchanged
}

// ID is the inode's own id, which its block map starts with.
func (in *Inode) ID() clfs.ID {
	if len(in.Direct) == 0 {
		return ""
	}
	return in.Direct[0]
}

func (in *Inode) isDirectory() bool { return in.Attr.Type == clfs.TypeDirectory }

func (in *Inode) hasData() bool {
	return in.Attr.Type == clfs.TypeRegular || in.Attr.Type == clfs.TypeSymlink
}

// Append appends the inode's payload. Which records it has follows from
// Attr.Type alone; those in Unknown come last.
func (in *Inode) Append(dst []byte) []byte {
	dst, start := openRecord(dst, RecordAttr)
	dst = closeRecord(in.Attr.append(dst), start)
	dst, start = openRecord(dst, RecordBlockMap)
	dst = closeRecord(in.appendBlockMap(dst), start)
	if !in.isDirectory() {
		dst, start = openRecord(dst, RecordBack)
		dst = closeRecord(appendList(dst, in.BackPointers), start)
	}
	dst, start = openRecord(dst, RecordName)
	dst = closeRecord(appendBytes(dst, in.Name), start)
	switch {
	case in.isDirectory():
		dst = AppendRecord(dst, RecordDirents, in.Dirents)
	case in.hasData():
		dst, start = openRecord(dst, RecordData)
		dst = closeRecord(appendBytes(dst, in.Data), start)
	}
	if in.ExtAttrs != nil {
		dst, start = openRecord(dst, RecordExtAttrs)
		dst = closeRecord(appendExtAttrs(dst, in.ExtAttrs), start)
	}
	for _, r := range in.Unknown {
		dst = AppendRecord(dst, r.Type, r.Body)
	}
	return dst
}

func (in *Inode) appendBlockMap(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, in.FirstSegmentSize)
	dst = binary.LittleEndian.AppendUint32(dst, in.SegmentSize)
	dst = appendList(dst, in.Direct)
	dst = binary.LittleEndian.AppendUint32(dst, clfs.TreeCount)
	for _, root := range in.Roots {
		if root == "" {
			root = clfs.NullBlock
		}
		dst = appendID(dst, root)
	}
	return dst
}

// DecodeInode decodes an inode's payload. Records may come in any order; those
// that an inode of its type must have are all required, and none may come
// twice. A record that has no place in it goes to Unknown. [Inode.Append] gives
// back the same payload if its records were in the usual order.
func DecodeInode(payload []byte) (*Inode, error) {
	t, err := inodeType(payload)
	if err != nil {
		return nil, err
	}
	in := &Inode{}
	required := requiredRecords(t)
	seen, err := decodeRecords(payload, func(r Record, c *cursor) bool {
		if !required.has(r.Type) && r.Type != RecordExtAttrs {
			in.Unknown = append(in.Unknown, r)
			return false
		}
		in.take(r.Type, c)
		return true
	})
	if err != nil {
		return nil, err
	}
	if missing := required &^ seen; missing != 0 {
		return nil, clfs.FormatErrorf(len(payload), "%s without %s record", t, missing.first())
	}
	return in, nil
}

// inodeType looks up what is decoded, which says where records belong.
func inodeType(payload []byte) (clfs.Type, error) {
	for r := (recordReader{payload: payload}); r.more(); {
		rec, c, err := r.next()
		if err != nil {
			return 0, err
		}
		if rec.Type == RecordAttr {
			return decodeAttr(&c).Type, c.err
		}
	}
	return 0, clfs.FormatErrorf(len(payload), "no inode: it has no %s record", RecordAttr)
}

func requiredRecords(t clfs.Type) recordSet {
	var s recordSet
	s.add(RecordAttr)
	s.add(RecordBlockMap)
	s.add(RecordName)
	switch t {
	case clfs.TypeDirectory:
		s.add(RecordDirents)
	case clfs.TypeRegular, clfs.TypeSymlink:
		s.add(RecordBack)
		s.add(RecordData)
	default:
		s.add(RecordBack)
	}
	return s
}

func (in *Inode) take(t RecordType, c *cursor) {
	switch t {
	case RecordAttr:
		in.Attr = decodeAttr(c)
	case RecordBlockMap:
		in.decodeBlockMap(c)
	case RecordBack:
		in.BackPointers = c.list()
	case RecordName:
		in.Name = c.bytes()
	case RecordData:
		in.Data = c.bytes()
	case RecordDirents:
		in.Dirents = c.take(uint64(c.remaining()))
	case RecordExtAttrs:
		in.ExtAttrs = c.extAttrs()
	}
}

func (in *Inode) decodeBlockMap(c *cursor) {
	in.FirstSegmentSize, in.SegmentSize = c.u32(), c.u32()
	in.Direct = c.list()
	if c.err == nil && (len(in.Direct) > clfs.MaxDirect || in.ID().IsNull()) {
		c.failf("direct blocks: %d entries (at most %d) with own id %s", len(in.Direct), clfs.MaxDirect, in.ID())
	}
	if n := c.u32(); n != clfs.TreeCount {
		c.failf("%d indirect trees, want %d", n, clfs.TreeCount)
	}
	for i := range in.Roots {
		in.Roots[i] = c.id()
	}
}
