package state

import (
	"fmt"
	"sync/atomic"
	"testing"
)

func BenchmarkAdd(b *testing.B) {
	j := newMount(b)
	for i := range b.N {
		addNode(b, j, RootIno, fmt.Sprint("file", i), regular)
	}
}

func BenchmarkAddByMany(b *testing.B) {
	j := newMount(b)
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			addNode(b, j, RootIno, fmt.Sprint("file", n.Add(1)), regular)
		}
	})
}

func BenchmarkRename(b *testing.B) {
	j := newMount(b)
	addNode(b, j, RootIno, "0", regular)
	b.ResetTimer()
	for i := range b.N {
		if _, _, err := j.Rename(b.Context(), Rename{From: RootIno, Name: []byte(fmt.Sprint(i)),
			To: RootIno, NewName: []byte(fmt.Sprint(i + 1))}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	j := newMount(b)
	addNode(b, j, RootIno, "f", regular)
	b.ResetTimer()
	for range b.N {
		if _, err := j.Lookup(b.Context(), RootIno, []byte("f")); err != nil {
			b.Fatal(err)
		}
	}
}
