package state

import (
	"fmt"
	"path/filepath"
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

func BenchmarkNode(b *testing.B) {
	j := newMount(b)
	f := addNode(b, j, RootIno, "f", regular)
	if err := j.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := j.Node(b.Context(), f.Ino); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	j := newMount(b)
	for i := range 100 {
		addNode(b, j, RootIno, fmt.Sprint(i), regular)
	}
	if err := j.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if list, err := j.List(b.Context(), RootIno, 0, 1000); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}

// Each name is looked up, added, and looked up again, as file systems are used.
func BenchmarkAddAndLookup(b *testing.B) {
	j := newMount(b)
	for i := range b.N {
		name := fmt.Sprint("file", i)
		if _, err := j.Lookup(b.Context(), RootIno, []byte(name)); err == nil {
			b.Fatal("it is there")
		}
		addNode(b, j, RootIno, name, regular)
		if _, err := j.Lookup(b.Context(), RootIno, []byte(name)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAddEntries is how a scan adds what it lists, 100 entries at a time.
func BenchmarkAddEntries(b *testing.B) {
	addDirectories(b, func(add func(int)) {
		for i := range b.N {
			add(i)
		}
	})
}

func BenchmarkAddEntriesByMany(b *testing.B) {
	var n atomic.Int64
	addDirectories(b, func(add func(int)) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				add(int(n.Add(1)))
			}
		})
	})
}

func addDirectories(b *testing.B, run func(add func(int))) {
	j, err := Create(filepath.Join(b.TempDir(), "state"), testSettings, directory)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	root, err := j.Inode(b.Context(), RootIno)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	run(func(i int) {
		entries := make([]Entry, 100)
		for k := range entries {
			entries[k] = file(fmt.Sprint(i, "-", k), 1)
		}
		if err := j.AddEntries(b.Context(), root, entries, false); err != nil {
			b.Error(err)
		}
	})
}

// A directory of 100 entries is listed after each change, as by ls beside a program that writes.
func BenchmarkAddAndList(b *testing.B) {
	j := newMount(b)
	d := addNode(b, j, RootIno, "d", directory)
	for i := range 100 {
		addNode(b, j, d.Ino, fmt.Sprint(i), regular)
	}
	b.ResetTimer()
	for i := range b.N {
		addNode(b, j, RootIno, fmt.Sprint(i), regular)
		if list, err := j.List(b.Context(), d.Ino, 0, 1000); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}
