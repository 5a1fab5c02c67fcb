package clfstest

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// Noise is n bytes that do not compress.
func Noise(tag string, n int) (b []byte) {
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s-%d", tag, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// Text is n bytes that compress about as source code does.
func Text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		seed := Noise("text", 32*(i%7+1))
		fmt.Fprintf(&b, "func handle%dRequest(ctx context.Context, id %q) error {\n\treturn fmt.Errorf(\"line %d: %%w\", err%x)\n}\n", i, "name", i*i, seed[i%32])
	}
	return b.Bytes()[:n]
}

// VectorInode is the inode that testdata/golden/README.md describes.
func VectorInode(parent clfs.ID, size uint64, direct []clfs.ID, roots [4]clfs.ID) *object.Inode {
	return &object.Inode{
		Attr: object.Attr{
			Mode: 0o100644, Type: clfs.TypeRegular, UID: 1, GID: 2, Size: size,
			Mtime: clfs.Time{Sec: 1400000000, Nsec: 250000000},
			Ctime: clfs.Time{Sec: 1400000001, Nsec: 500000000},
			Atime: clfs.Time{Sec: 1400000002, Nsec: 750000000},
			Used:  size, FSID: 0x9abcdef0, FileID: 99, Nlink: 1, ContainerID: 0x12345678,
		},
		FirstSegmentSize: clfs.FirstSegmentBytes,
		SegmentSize:      clfs.SegmentBytes,
		Direct:           direct,
		Roots:            roots,
		BackPointers:     []clfs.ID{parent},
		Name:             []byte("big"),
		Data:             bytes.Repeat([]byte("f"), clfs.FirstSegmentBytes),
	}
}

// FileInode is the inode of a small file with data.
func FileInode(data []byte) *object.Inode {
	parent := clfs.Handle{ContainerID: 77, Type: clfs.TypeDirectory, DirMgrTarget: 3, Sequence: 1001, Random: 0xfeedfacecafe}.ID()
	own := clfs.NewHandle(clfs.Key{1}, 77, parent, clfs.TypeRegular, 0, 1002)
	in := VectorInode(parent, uint64(len(data)), []clfs.ID{own}, [4]clfs.ID{})
	in.Name, in.Data = []byte("request_handler_test.go"), data
	return in
}

// FullSegment is the payload of a data segment of a file with data.
func FullSegment(data []byte) []byte {
	buf := make([]byte, object.MaxSegmentPayload)
	n := copy(buf[object.SegmentDataOffset:], data)
	return object.FinishSegment(buf, n, 5, clfs.FirstSegmentBytes, FileInode(nil).ID())
}
