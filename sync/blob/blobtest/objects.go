package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"clfsload/sync/blob"
)

func testRoundTrip(t *testing.T, s *suite) {
	for i, size := range []int{0, 1, 4, 8192, 16384 + 500, 1 << 20, largest} {
		name, data := inodeName(i), randomBytes(size, byte(i))
		s.put(t, name, data)
		s.wantBlob(t, name, data)
	}
}

func testOverwrite(t *testing.T, s *suite) {
	name := inodeName(1)
	for i, size := range []int{5000, 20000, 10, 0, 7} {
		data := randomBytes(size, byte(i))
		s.put(t, name, data)
		s.wantBlob(t, name, data)
	}
}

func testPutCopies(t *testing.T, s *suite) {
	data := []byte("before")
	s.put(t, "a", data)
	copy(data, "behind")
	s.wantBlob(t, "a", []byte("before"))
	copy(s.get(t, "a", 0, -1).Data, "behind")
	s.wantBlob(t, "a", []byte("before"))
}

func testRanges(t *testing.T, s *suite) {
	data := randomBytes(100_000, 1)
	s.put(t, "full", data)
	s.put(t, "empty", nil)
	tests := []struct {
		name           string
		offset, length int64
		want           []byte
	}{
		{"full", 0, 0, nil},
		{"full", 0, 10, data[:10]},
		{"full", 0, 100_000, data},
		{"full", 99_990, 10, data[99_990:]},
		{"full", 99_990, 11, data[99_990:]},
		{"full", 50_000, -1, data[50_000:]},
		{"full", 50_000, 1 << 40, data[50_000:]},
		{"full", 100_000, -1, nil},
		{"full", 100_000, 5, nil},
		{"full", 200_000, -1, nil},
		{"full", 50_000, 0, nil},
		{"empty", 0, -1, nil},
		{"empty", 0, 0, nil},
		{"empty", 0, 5, nil},
		{"empty", 5, 5, nil},
	}
	for _, tt := range tests {
		whole := data
		if tt.name == "empty" {
			whole = nil
		}
		o := s.get(t, tt.name, tt.offset, tt.length)
		wantInfo(t, o.Info, tt.name, whole)
		if !bytes.Equal(o.Data, tt.want) {
			t.Errorf("Get(%q, %d, %d) returned %d wrong bytes, want %d", tt.name, tt.offset, tt.length, len(o.Data), len(tt.want))
		}
	}
}

func testGetMissing(t *testing.T, s *suite) {
	for _, r := range [][2]int64{{0, -1}, {0, 0}, {0, 5}, {7, -1}} {
		o, err := s.c.Get(s.ctx, inodeName(1), r[0], r[1])
		wantError(t, fmt.Sprintf("Get(%d, %d) of a missing blob", r[0], r[1]), err, blob.ErrNotFound)
		if o.Data != nil {
			t.Errorf("Get of a missing blob returned data")
		}
	}
}

func testDelete(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	s.put(t, "b", []byte("2"))
	if err := s.c.Delete(s.ctx, "a"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	_, err := s.c.Get(s.ctx, "a", 0, -1)
	wantError(t, "Get after Delete", err, blob.ErrNotFound)
	s.wantBlob(t, "b", []byte("2"))
	s.wantList(t, "", []string{"b"})
}

func testDeleteMissing(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	for _, name := range []string{"never", "a", "a"} {
		if err := s.c.Delete(s.ctx, name); err != nil {
			t.Errorf("Delete(%q): %v", name, err)
		}
	}
}

func testNames(t *testing.T, s *suite) {
	names := []string{
		"0DF2A5BC_00000000000000000000000000000063.00000000009.FFFFFFFF.0001",
		inodeName(3),
		"x",
		"with space and +plus",
		"percent%41 %2f",
		"question?and=more&b",
		"hash#part",
		"quote'\"`",
		"angle<x>&amp;",
		"colon:semi;comma,at@",
		"umlaut-ä-漢",
		"a.b..c",
		strings.Repeat("n", 255),
	}
	for i, name := range names {
		s.put(t, name, randomBytes(10+i, byte(i)))
	}
	for i, name := range names {
		s.wantBlob(t, name, randomBytes(10+i, byte(i)))
		s.wantList(t, name, []string{name})
	}
	s.wantList(t, "", names)
	for _, name := range names {
		if err := s.c.Delete(s.ctx, name); err != nil {
			t.Errorf("Delete(%q): %v", name, err)
		}
	}
	s.wantList(t, "", nil)
}

func testInvalidNames(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	for _, name := range []string{"", ".", "..", ".hidden", "dot.", "a/b", "/a", "a/", "../a", "back\\slash", "nul\x00", strings.Repeat("n", 256)} {
		wantError(t, fmt.Sprintf("Put(%q)", name), s.c.Put(s.ctx, name, nil), blob.ErrName)
		wantError(t, fmt.Sprintf("Delete(%q)", name), s.c.Delete(s.ctx, name), blob.ErrName)
		_, err := s.c.Get(s.ctx, name, 0, -1)
		wantError(t, fmt.Sprintf("Get(%q)", name), err, blob.ErrName)
	}
	s.wantList(t, "", []string{"a"})
}

func testConcurrentPuts(t *testing.T, s *suite) {
	const writers, rounds, size = 8, 5, 50_000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range rounds {
				if err := s.c.Put(s.ctx, "one", bytes.Repeat([]byte{byte(w)}, size)); err != nil {
					t.Errorf("Put: %v", err)
				}
				o, err := s.c.Get(s.ctx, "one", 0, -1)
				if err != nil {
					t.Errorf("Get: %v", err)
				} else if len(o.Data) != size || bytes.Count(o.Data, o.Data[:1]) != size {
					t.Errorf("Get returned %d bytes of several Puts", len(o.Data))
				}
			}
		})
	}
	wg.Wait()
	s.wantList(t, "", []string{"one"})
}

func testConcurrentNames(t *testing.T, s *suite) {
	const workers, each = 16, 10
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				if err := s.c.Put(s.ctx, inodeName(n), randomBytes(n, byte(n))); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for n := range workers * each {
		s.wantBlob(t, inodeName(n), randomBytes(n, byte(n)))
	}
}

func testContext(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, getErr := s.c.Get(ctx, "a", 0, -1)
	_, listErr := s.c.List(ctx, "", "")
	calls := map[string]error{
		"Put":    s.c.Put(ctx, "a", []byte("2")),
		"Delete": s.c.Delete(ctx, "a"),
		"Get":    getErr,
		"List":   listErr,
	}
	for call, err := range calls {
		wantError(t, call, err, context.Canceled)
		if errors.Is(err, blob.ErrTransient) {
			t.Errorf("%s: the caller's own end is called a temporary failure: %v", call, err)
		}
	}
	s.wantBlob(t, "a", []byte("1"))
}

func testPutWhole(t *testing.T, s *suite) {
	for _, data := range [][]byte{[]byte("first"), []byte("second"), {}} {
		if err := blob.PutWhole(s.ctx, s.c, "a", data); err != nil {
			t.Fatal(err)
		}
		s.wantBlob(t, "a", data)
	}
	wantError(t, "PutWhole", blob.PutWhole(s.ctx, s.c, "", nil), blob.ErrName)
}

func testSync(t *testing.T, s *suite) {
	s.put(t, "a", []byte("1"))
	if err := blob.Sync(s.ctx, s.c); err != nil {
		t.Errorf("Sync: %v", err)
	}
}

func testString(t *testing.T, s *suite) {
	if s.c.String() == "" {
		t.Error("String is empty")
	}
}
