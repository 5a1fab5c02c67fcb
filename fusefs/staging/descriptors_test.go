package staging

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"clfsload/state"
)

// many returns a store in which most files may be open, and more files of one byte than that.
func many(t *testing.T, most int) (*Store, []*File) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "staging"))
	s.LimitOpen(most)
	var files []*File
	for i := range 10 * most {
		f, err := s.Create(state.Ino(1000 + i))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if _, err := f.WriteAt([]byte{byte(i)}, 0); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return s, files
}

// openNow counts the descriptors that this process has in a store.
func openNow(t *testing.T, s *Store) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if path, err := os.Readlink(link); err == nil && len(path) > len(s.dir) && path[:len(s.dir)] == s.dir {
			n++
		}
	}
	return n
}

func TestMoreFilesCanBeUsedThanMayBeOpen(t *testing.T) {
	const most = 4
	s, files := many(t, most)
	if n := openNow(t, s); n > most {
		t.Errorf("%d files are open", n)
	}
	for i, f := range files {
		var got [2]byte
		if n, _ := f.ReadAt(got[:], 0); n != 1 || got[0] != byte(i) {
			t.Errorf("file %d: %d bytes, %d", i, n, got[0])
		}
		if err := s.SyncName(f.ino); err != nil {
			t.Error(err)
		}
	}
	if n := openNow(t, s); n > most {
		t.Errorf("%d files are open", n)
	}
}

func TestAFileThatWasClosedInBetweenIsTheSame(t *testing.T) {
	s, files := many(t, 2)
	f := files[0]
	const modified = 1234567890123456789
	data := bytes.Repeat([]byte("contents"), 1000)
	others := func() {
		for _, other := range files[1:] {
			if other.Blocks() == 0 {
				t.Error("a file has no blocks")
			}
		}
		if f.fd >= 0 {
			t.Fatal("the file is open")
		}
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	others()
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	others()
	if err := f.Truncate(100); err != nil {
		t.Error(err)
	}
	others()
	if err := f.SetModified(modified); err != nil {
		t.Error(err)
	}
	others()
	if size, mtime, ok := s.Stat(f.ino); size != 100 || mtime != modified || !ok {
		t.Errorf("%d bytes, time %d, %t", size, mtime, ok)
	}
	got := make([]byte, 100)
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, data[:100]) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAFileThatIsGoneIsToldWhenItIsOpenedAgain(t *testing.T) {
	s, files := many(t, 2)
	if err := s.Remove(files[0].ino); err != nil {
		t.Fatal(err)
	}
	if _, err := files[0].ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := files[1].ReadAt(make([]byte, 1), 0); err != nil {
		t.Error(err)
	}
}

// Copies use two files each: they must not wait for one another.
func TestCallsOfManyFilesAtATimeEnd(t *testing.T) {
	const most = 3
	s, files := many(t, most)
	var all sync.WaitGroup
	for i, f := range files {
		from := files[(i+7)%len(files)]
		all.Go(func() {
			for range 50 {
				if _, err := f.CopyRange(1, from, 0, 1); err != nil {
					t.Error(err)
					return
				}
				if _, err := from.ReadAt(make([]byte, 1), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := openNow(t, s); n > most {
		t.Errorf("%d files are open", n)
	}
}
