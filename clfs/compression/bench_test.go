package compression_test

import (
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

func BenchmarkPack(b *testing.B) {
	for _, c := range []struct {
		name    string
		payload []byte
	}{
		{"empty_file", clfstest.FileInode(nil).Append(nil)},
		{"text_6KB", clfstest.FileInode(clfstest.Text(6000)).Append(nil)},
		{"noise_6KB", clfstest.FileInode(clfstest.Noise("b", 6000)).Append(nil)},
		{"text_16KB", clfstest.FileInode(clfstest.Text(16384)).Append(nil)},
		{"noise_16KB", clfstest.FileInode(clfstest.Noise("b", 16384)).Append(nil)},
		{"text_8MiB", clfstest.FullSegment(clfstest.Text(clfs.SegmentBytes))},
		{"noise_8MiB", clfstest.FullSegment(clfstest.Noise("b", clfs.SegmentBytes))},
	} {
		b.Run(c.name, func(b *testing.B) {
			dst := make([]byte, 0, compression.Bound(len(c.payload)))
			b.SetBytes(int64(len(c.payload)))
			b.ReportAllocs()
			for b.Loop() {
				dst = compression.Pack(dst[:0], c.payload, compression.LZ4)
			}
			b.ReportMetric(float64(len(c.payload))/float64(len(dst)), "ratio")
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	for name, payload := range map[string][]byte{
		"text_6KB":  clfstest.FileInode(clfstest.Text(6000)).Append(nil),
		"text_8MiB": clfstest.FullSegment(clfstest.Text(clfs.SegmentBytes)),
	} {
		b.Run(name, func(b *testing.B) {
			blob := compression.Pack(nil, payload, compression.LZ4)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := compression.Unpack(blob, object.MaxSegmentPayload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
