package blobtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"clfsload/sync/blob"
)

// list returns all names with prefix, and checks what holds for every page.
func (s *suite) list(t *testing.T, prefix string) []string {
	t.Helper()
	names, _ := s.listFrom(t, prefix, "")
	return names
}

// listFrom lists from marker on, and returns the markers met as well.
func (s *suite) listFrom(t *testing.T, prefix, marker string) (names, markers []string) {
	t.Helper()
	for {
		page, err := s.c.List(s.ctx, prefix, marker)
		if err != nil {
			t.Fatalf("List(%q, %q): %v", prefix, marker, err)
		}
		if len(page.Blobs) > s.pageSize {
			t.Fatalf("List(%q) returned a page of %d", prefix, len(page.Blobs))
		}
		for _, b := range page.Blobs {
			names = append(names, b.Name)
		}
		if page.Next == "" {
			return names, markers
		}
		marker = page.Next
		markers = append(markers, marker)
	}
}

// wantList checks that the blobs with prefix are those of names, in byte order.
func (s *suite) wantList(t *testing.T, prefix string, names []string) {
	t.Helper()
	want := slices.Sorted(slices.Values(names))
	if got := s.list(t, prefix); !slices.Equal(got, want) {
		t.Errorf("List(%q) returned %d names %.5q, want %d names %.5q", prefix, len(got), got, len(want), want)
	}
}

func testListOrder(t *testing.T, s *suite) {
	names := []string{"b", "a", "B", "A", "a0", "a.0", "a_0", "a-0", "10", "9", "aa", "Z", "~", "_"}
	for _, name := range names {
		s.put(t, name, nil)
	}
	s.wantList(t, "", names)
}

func testListPrefix(t *testing.T, s *suite) {
	names := []string{"A_1.x", "A_1.y", "A_10.x", "A_2.x", "a_1.x", "B_1.x"}
	for _, name := range names {
		s.put(t, name, nil)
	}
	for _, prefix := range []string{"", "A", "A_1", "A_1.", "A_1.x", "A_1.xx", "B", "a", "C", "A_1.z"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		s.wantList(t, prefix, want)
	}
}

func testListEmpty(t *testing.T, s *suite) {
	page, err := s.c.List(s.ctx, "", "")
	if err != nil || len(page.Blobs) != 0 || page.Next != "" {
		t.Errorf("List of an empty container: %v, %v", page, err)
	}
}

func testListInfo(t *testing.T, s *suite) {
	for i := range 5 {
		s.put(t, inodeName(i), randomBytes(i*1000, byte(i)))
	}
	i := 0
	for info, err := range blob.All(s.ctx, s.c, "") {
		if err != nil {
			t.Fatal(err)
		}
		wantInfo(t, info, inodeName(i), randomBytes(i*1000, byte(i)))
		i++
	}
	if i != 5 {
		t.Errorf("All told %d blobs, want 5", i)
	}
}

// testListPages lists more than a page, takes the listing up again at its markers, as
// a process does that was started anew, and changes the container between two pages.
func testListPages(t *testing.T, s *suite) {
	names := s.fill(t, 2*s.pageSize+50)
	all, markers := s.listFrom(t, "", "")
	if !slices.Equal(all, names) || len(markers) == 0 {
		t.Fatalf("List returned %d names and %d markers of %d blobs", len(all), len(markers), len(names))
	}
	for _, i := range []int{0, len(markers) / 2, len(markers) - 1} {
		for range 2 {
			rest, _ := s.listFrom(t, "", markers[i])
			if len(rest) == 0 || !slices.Equal(rest, names[len(names)-len(rest):]) {
				t.Errorf("List from a marker returned %d names that are not the end of the listing", len(rest))
			}
		}
	}
	s.changeWhileListing(t, names)
}

// changeWhileListing changes a few blobs between the pages of a listing: the others
// must be told once.
func (s *suite) changeWhileListing(t *testing.T, names []string) {
	t.Helper()
	page, err := s.c.List(s.ctx, "", "")
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, names[0]+"-new", nil)
	s.put(t, names[len(names)-1], []byte("again"))
	if err := s.c.Delete(s.ctx, names[3]); err != nil {
		t.Fatal(err)
	}
	seen, _ := s.listFrom(t, "", page.Next)
	for i, b := range page.Blobs {
		seen = slices.Insert(seen, i, b.Name)
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Error("the listing is not in order, or tells a name twice")
	}
	for i, name := range names[:len(names)-1] {
		if _, told := slices.BinarySearch(seen, name); !told && i != 3 {
			t.Errorf("%q was there all the time and is not in the listing", name)
		}
	}
}

// fill puts n empty blobs and returns their names in byte order.
func (s *suite) fill(t *testing.T, n int) []string {
	t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%08d", i)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				if err := s.c.Put(s.ctx, names[i], nil); err != nil {
					t.Errorf("Put: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return names
}
