package staging

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"clfsload/state"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Store, ino state.Ino, size int) {
	t.Helper()
	f, err := s.Create(ino)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.WriteAt(make([]byte, size), 0); n != size || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	s.Account(ino, f.Blocks()*512)
}

func all(state.Ino) (bool, error) { return true, nil }

func TestAFileIsMadeByCreateAlone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "staging"))
	if _, err := s.Open(0x4c4); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	put(t, s, 0x4c4, 100)
	if _, err := os.Stat(filepath.Join(s.dir, "c4", "4c4")); err != nil {
		t.Error(err)
	}
	if size, mtime, ok := s.Stat(0x4c4); !ok || size != 100 || mtime == 0 {
		t.Errorf("%d bytes, time %d, %t", size, mtime, ok)
	}
	for range 2 {
		if err := s.Remove(0x4c4); err != nil {
			t.Error(err)
		}
	}
	if _, _, ok := s.Stat(0x4c4); ok {
		t.Error("it is there after it was removed")
	}
}

func TestUsageIsWhatTheFilesTakeOnTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "staging")
	s := open(t, dir)
	put(t, s, 1001, 10<<10)
	if _, whole := s.Usage(); whole {
		t.Error("it is known before the files were counted")
	}
	if err := s.Sweep(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	one, whole := s.Usage()
	if one < 10<<10 || !whole {
		t.Fatalf("%d bytes, %t", one, whole)
	}
	put(t, s, 1002, 10<<10)
	if two, _ := s.Usage(); two != 2*one {
		t.Errorf("two files take %d bytes, one %d", two, one)
	}
	if err := s.Remove(1001); err != nil {
		t.Fatal(err)
	}
	if left, _ := s.Usage(); left != one {
		t.Errorf("%d bytes are left, want %d", left, one)
	}
	again := open(t, dir)
	if err := again.Sweep(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n, _ := again.Usage(); n != one {
		t.Errorf("counted %d bytes, want %d", n, one)
	}
}

func TestTheSweepRemovesWhatNobodyWants(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "staging"))
	for ino := state.Ino(1000); ino < 1600; ino++ {
		put(t, s, ino, 1)
	}
	foreign := filepath.Join(s.dir, "00", "notes")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context(), func(ino state.Ino) (bool, error) { return ino%2 == 0, nil }); err != nil {
		t.Fatal(err)
	}
	for ino := state.Ino(1000); ino < 1600; ino++ {
		if _, _, ok := s.Stat(ino); ok != (ino%2 == 0) {
			t.Errorf("inode %d: there is a file: %t", ino, ok)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
}

func TestTimesAreKeptToTheNanosecond(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "staging"))
	put(t, s, 1001, 1)
	f, err := s.Open(1001)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const want = 1234567890123456789
	if err := f.SetModified(want); err != nil {
		t.Fatal(err)
	}
	if _, mtime, _ := s.Stat(1001); mtime != want {
		t.Errorf("%d, want %d", mtime, want)
	}
}

func TestHolesTakeNoRoom(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "staging"))
	put(t, s, 1001, 1<<20)
	f, err := s.Open(1001)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Punch(0, 1<<20); err != nil {
		t.Fatal(err)
	}
	if f.Blocks() != 0 || s.Blocks(1001) != 0 {
		t.Errorf("%d and %d blocks", f.Blocks(), s.Blocks(1001))
	}
	if size, _, _ := s.Stat(1001); size != 1<<20 {
		t.Errorf("the size became %d", size)
	}
}
