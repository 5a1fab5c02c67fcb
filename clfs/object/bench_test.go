package object_test

import (
	"testing"

	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

func BenchmarkInodeAppend(b *testing.B) {
	in := clfstest.FileInode(clfstest.Text(6000))
	dst := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		dst = in.Append(dst[:0])
	}
}

func BenchmarkDecodeInode(b *testing.B) {
	payload := clfstest.FileInode(clfstest.Text(6000)).Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := object.DecodeInode(payload); err != nil {
			b.Fatal(err)
		}
	}
}
