package clfs_test

import (
	"bytes"
	"fmt"
	"testing"

	"clfsload/clfs"
)

// text is n bytes that compress about as source code does.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		seed := noise("text", 32*(i%7+1))
		fmt.Fprintf(&b, "func handle%dRequest(ctx context.Context, id %q) error {\n\treturn fmt.Errorf(\"line %d: %%w\", err%x)\n}\n", i, "name", i*i, seed[i%32])
	}
	return b.Bytes()[:n]
}

// fileInode is the inode of a small file with data.
func fileInode(data []byte) *clfs.Inode {
	parent := clfs.Handle{ContainerID: 77, Type: clfs.TypeDirectory, DirMgrTarget: 3, Sequence: 1001, Random: 0xfeedfacecafe}.ID()
	own := clfs.NewHandle(clfs.Key{1}, 77, parent, clfs.TypeRegular, 0, 1002)
	in := vectorInode(parent, uint64(len(data)), []clfs.ID{own}, [4]clfs.ID{})
	in.Name, in.Data = []byte("request_handler_test.go"), data
	return in
}

func BenchmarkPack(b *testing.B) {
	for _, c := range []struct {
		name    string
		payload []byte
	}{
		{"empty_file", fileInode(nil).Append(nil)},
		{"text_6KB", fileInode(text(6000)).Append(nil)},
		{"noise_6KB", fileInode(noise("b", 6000)).Append(nil)},
		{"text_16KB", fileInode(text(16384)).Append(nil)},
		{"noise_16KB", fileInode(noise("b", 16384)).Append(nil)},
		{"text_8MiB", fullSegment(text(clfs.SegmentBytes))},
		{"noise_8MiB", fullSegment(noise("b", clfs.SegmentBytes))},
	} {
		b.Run(c.name, func(b *testing.B) {
			dst := make([]byte, 0, clfs.PackBound(len(c.payload)))
			b.SetBytes(int64(len(c.payload)))
			b.ReportAllocs()
			for b.Loop() {
				dst = clfs.Pack(dst[:0], c.payload, clfs.CompressionLZ4)
			}
			b.ReportMetric(float64(len(c.payload))/float64(len(dst)), "ratio")
		})
	}
}

func fullSegment(data []byte) []byte {
	buf := make([]byte, clfs.MaxSegmentPayload)
	n := copy(buf[clfs.SegmentDataOffset:], data)
	return clfs.FinishSegment(buf, n, 5, clfs.FirstSegmentBytes, fileInode(nil).ID())
}

func BenchmarkUnpack(b *testing.B) {
	for name, payload := range map[string][]byte{
		"text_6KB":  fileInode(text(6000)).Append(nil),
		"text_8MiB": fullSegment(text(clfs.SegmentBytes)),
	} {
		b.Run(name, func(b *testing.B) {
			blob := clfs.Pack(nil, payload, clfs.CompressionLZ4)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := clfs.Unpack(blob, clfs.MaxSegmentPayload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInodeAppend(b *testing.B) {
	in := fileInode(text(6000))
	dst := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		dst = in.Append(dst[:0])
	}
}

func BenchmarkDecodeInode(b *testing.B) {
	payload := fileInode(text(6000)).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := clfs.DecodeInode(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewHandle(b *testing.B) {
	b.ReportAllocs()
	for seq := uint64(clfs.FirstSequence); b.Loop(); seq++ {
		clfs.NewHandle(clfs.Key{1}, 77, clfs.RootID, clfs.TypeRegular, 0, seq)
	}
}

func BenchmarkObjectName(b *testing.B) {
	in := fileInode(nil)
	b.ReportAllocs()
	for b.Loop() {
		clfs.ObjectName(in.ID(), in.BackPointers[0], clfs.TypeRegular, clfs.FirstVersion)
	}
}
