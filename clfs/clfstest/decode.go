package clfstest

import (
	"errors"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// An Object is what a golden payload decodes to: all that its name depends on, and the
// payload that its decoded value encodes to.
type Object struct {
	Kind    string // the type in words; segments of directories have their own
	Owner   clfs.ID
	Type    clfs.Type
	Encoded []byte
}

// Decode decodes a payload by the type in its name and encodes it again.
func Decode(name clfs.Name, payload []byte) (Object, error) {
	switch {
	case name.ID == clfs.BucketID:
		b, err := object.DecodeBucket(payload)
		return Object{"bucket", "", clfs.TypeSpecial, b.Append(nil)}, err
	case name.Type == clfs.TypeIndirect:
		b, err := object.DecodeIndirect(payload)
		return Object{"indirect", b.Owner, name.Type, b.Append(nil)}, err
	case name.Type == clfs.TypeSegment:
		s, err := object.DecodeSegment(payload)
		kind := "segment"
		if s.IsDirectory {
			kind = "directory segment"
		}
		return Object{kind, s.Owner, name.Type, EncodeSegment(s)}, err
	}
	in, err := object.DecodeInode(payload)
	if err != nil {
		return Object{}, err
	}
	if len(in.Unknown) > 0 {
		return Object{}, errors.New("records without a field")
	}
	owner, err := ownerOf(in)
	return Object{in.Attr.Type.String(), owner, in.Attr.Type, in.Append(nil)}, err
}

// EncodeSegment encodes a data segment of a file or of a directory.
func EncodeSegment(s object.Segment) []byte {
	if s.IsDirectory {
		return object.AppendDirSegment(nil, s.Dirents, s.Ctime, s.Offset, s.Owner)
	}
	buf := make([]byte, object.SegmentDataOffset, object.SegmentDataOffset+len(s.Data)+128)
	return object.FinishSegment(append(buf, s.Data...), len(s.Data), s.Ctime, s.Offset, s.Owner)
}

// ownerOf is the id that an inode's name is made with.
func ownerOf(in *object.Inode) (clfs.ID, error) {
	if in.Attr.Type != clfs.TypeDirectory {
		return in.BackPointers[0], nil
	}
	for d, err := range object.Dirents(in.Dirents) {
		if err != nil || string(d.Name) == ".." {
			return d.ID, err
		}
	}
	return "", errors.New("directory without its parent entry")
}
