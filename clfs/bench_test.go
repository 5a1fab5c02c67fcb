package clfs_test

import (
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
)

func BenchmarkNewHandle(b *testing.B) {
	b.ReportAllocs()
	for seq := uint64(clfs.FirstSequence); b.Loop(); seq++ {
		clfs.NewHandle(clfs.Key{1}, 77, clfs.RootID, clfs.TypeRegular, 0, seq)
	}
}

func BenchmarkObjectName(b *testing.B) {
	in := clfstest.FileInode(nil)
	b.ReportAllocs()
	for b.Loop() {
		clfs.ObjectName(in.ID(), in.BackPointers[0], clfs.TypeRegular, clfs.FirstVersion)
	}
}
