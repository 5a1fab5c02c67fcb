package main

import (
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
)

// inodeContent is an inode as inspect shows it.
type inodeContent struct {
	Attributes       attrContent      `json:"attributes"`
	FirstSegmentSize uint32           `json:"first_segment_size"`
	SegmentSize      uint32           `json:"segment_size"`
	Direct           []string         `json:"direct"`
	Roots            []string         `json:"indirect_roots"`
	BackPointers     []string         `json:"back_pointers,omitempty"`
	Name             textJSON         `json:"name"`
	Target           *textJSON        `json:"target,omitempty"`
	DataLength       int              `json:"data_length"`
	Entries          []direntContent  `json:"entries,omitempty"`
	ExtAttrs         []object.ExtAttr `json:"extended_attributes,omitempty"`
	Unknown          []recordContent  `json:"unknown,omitempty"`
}

type bucketContent struct {
	UUID   string           `json:"uuid"`
	Logs   []string         `json:"logs,omitempty"`
	Mark   *markContent     `json:"mark,omitempty"`
	Others []object.ExtAttr `json:"others,omitempty"`
}

// markContent names the publication that a container holds.
type markContent struct {
	ID          string `json:"id"`
	Publication uint64 `json:"publication"`
	Time        string `json:"time"`
	State       string `json:"state"`
	Open        string `json:"open"` // "mount" or "load" until that has ended
	Range       uint32 `json:"range,omitempty"`
}

type attrContent struct {
	Mode        string `json:"mode"` // octal, with the type
	Type        string `json:"type"`
	Flags       uint32 `json:"flags"`
	UID         uint32 `json:"uid"`
	GID         uint32 `json:"gid"`
	Size        uint64 `json:"size"`
	Dtime       string `json:"dtime"`
	Mtime       string `json:"mtime"`
	Ctime       string `json:"ctime"`
	Atime       string `json:"atime"`
	Used        uint64 `json:"used"`
	FSID        string `json:"fsid"`
	FileID      uint64 `json:"fileid"`
	Rdev        string `json:"rdev"`
	Nlink       uint32 `json:"nlink"`
	ContainerID string `json:"containerid"`
}

type direntContent struct {
	Name textJSON `json:"name"`
	ID   string   `json:"id"`
}

type recordContent struct {
	Type uint32 `json:"type"`
	Body []byte `json:"body"` // base64
}

type segmentContent struct {
	Ctime      uint32          `json:"ctime"`
	Offset     uint64          `json:"offset"`
	Owner      string          `json:"owner"`
	DataLength int             `json:"data_length"`
	Entries    []direntContent `json:"entries,omitempty"`
}

type indirectContent struct {
	Ctime  uint32   `json:"ctime"`
	Tree   int      `json:"tree"`
	Depth  int      `json:"depth"`
	Owner  string   `json:"owner"`
	Blocks []string `json:"blocks"`
}

// objectContent decodes a payload according to the type in the blob's name.
func objectContent(o tree.Object, payload []byte) (any, error) {
	switch {
	case o.ID == clfs.BucketID:
		b, err := object.DecodeBucket(payload)
		return bucketContent{b.UUID, b.Logs, (*markContent)(b.Mark), b.Others}, err
	case o.Form == 1:
		return nil, nil
	case o.Type == clfs.TypeSegment:
		return newSegmentContent(payload)
	case o.Type == clfs.TypeIndirect:
		b, err := object.DecodeIndirect(payload)
		return indirectContent{b.Ctime, b.Tree, b.Depth, b.Owner.String(), idTexts(b.Blocks)}, err
	case o.Type.IsInode():
		return newInodeContent(payload)
	}
	return nil, nil
}

func newInodeContent(payload []byte) (any, error) {
	in, err := object.DecodeInode(payload)
	if err != nil {
		return nil, err
	}
	c := inodeContent{Attributes: newAttrContent(in.Attr), FirstSegmentSize: in.FirstSegmentSize, SegmentSize: in.SegmentSize,
		Direct: idTexts(in.Direct), Roots: idTexts(in.Roots[:]), BackPointers: idTexts(in.BackPointers),
		Name: newText(string(in.Name)), DataLength: len(in.Data), ExtAttrs: in.ExtAttrs}
	if in.Attr.Type == clfs.TypeSymlink {
		target := newText(string(in.Data))
		c.Target = &target
	}
	for _, r := range in.Unknown {
		c.Unknown = append(c.Unknown, recordContent{uint32(r.Type), r.Body})
	}
	c.Entries, err = direntContents(in.Dirents)
	return c, err
}

func newAttrContent(a object.Attr) attrContent {
	return attrContent{Mode: fmt.Sprintf("%06o", a.Mode), Type: a.Type.String(), Flags: a.Flags, UID: a.UID, GID: a.GID, Size: a.Size,
		Dtime: timeText(a.Dtime), Mtime: timeText(a.Mtime), Ctime: timeText(a.Ctime), Atime: timeText(a.Atime), Used: a.Used,
		FSID: fmt.Sprintf("%#x", a.FSID), FileID: a.FileID, Rdev: fmt.Sprintf("%d:%d", a.RdevMajor, a.RdevMinor), Nlink: a.Nlink,
		ContainerID: fmt.Sprintf("%#x", a.ContainerID)}
}

// timeText is a time as stored: seconds and nanoseconds.
func timeText(t clfs.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

func newSegmentContent(payload []byte) (any, error) {
	s, err := object.DecodeSegment(payload)
	if err != nil {
		return nil, err
	}
	entries, err := direntContents(s.Dirents)
	return segmentContent{s.Ctime, s.Offset, s.Owner.String(), len(s.Data), entries}, err
}

// direntContents decodes entries up to the first damaged one.
func direntContents(raw []byte) ([]direntContent, error) {
	var entries []direntContent
	for e, err := range object.Dirents(raw) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, direntContent{newText(string(e.Name)), e.ID.String()})
	}
	return entries, nil
}

func idTexts(ids []clfs.ID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}
