package schema

import (
	"math"
	"math/rand/v2"
	"testing"

	"clfsload/clfs"
)

func TestTimesArePackedAndSplit(t *testing.T) {
	for _, c := range []struct{ sec, nsec int64 }{
		{0, 0}, {0, 1}, {-1, 0}, {-1, 999_999_999}, {1 << 32, 5}, {-1 << 32, 7},
		{9_223_372_000, 999_999_999}, {-9_223_372_000, 1},
	} {
		sec, nsec := SplitNanoseconds(Nanoseconds(c.sec, c.nsec))
		if sec != c.sec || nsec != c.nsec {
			t.Errorf("%d.%09d became %d.%09d", c.sec, c.nsec, sec, nsec)
		}
	}
}

func TestTimesThatDoNotFitBecomeTheNearestThatDoes(t *testing.T) {
	for _, c := range []struct{ sec, want int64 }{
		{math.MaxInt64, math.MaxInt64}, {math.MinInt64, math.MinInt64}, {1 << 40, math.MaxInt64}, {-1 << 40, math.MinInt64},
	} {
		got := Nanoseconds(c.sec, 999_999_999)
		if got != c.want {
			t.Errorf("%d s is %d", c.sec, got)
		}
		if _, nsec := SplitNanoseconds(got); nsec < 0 || nsec >= 1e9 {
			t.Errorf("%d s splits to %d ns", c.sec, nsec)
		}
	}
}

func TestPackedTimesKeepTheirOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		a, b := r.Int64N(1<<36)-1<<35, r.Int64N(1<<36)-1<<35
		an, bn := r.Int64N(1e9), r.Int64N(1e9)
		less := a < b || a == b && an < bn
		if x, y := Nanoseconds(a, an), Nanoseconds(b, bn); less && x > y || !less && x < y {
			t.Fatalf("%d.%09d and %d.%09d are packed as %d and %d", a, an, b, bn, x, y)
		}
	}
}

func TestSameContentsSeesWhatAWriteChanges(t *testing.T) {
	a := Attr{Type: clfs.TypeRegular, Mode: 0o644, UID: 1, GID: 2, Size: 3, Mtime: 4, Ctime: 5, Atime: 6, Dev: 7, Ino: 8, Rdev: 9, Nlink: 10}
	for _, c := range []struct {
		name   string
		change func(*Attr)
		want   bool
	}{
		{"nothing", func(*Attr) {}, true},
		{"atime", func(b *Attr) { b.Atime++ }, true},
		{"type", func(b *Attr) { b.Type++ }, false},
		{"size", func(b *Attr) { b.Size++ }, false},
		{"mtime", func(b *Attr) { b.Mtime++ }, false},
		{"ctime", func(b *Attr) { b.Ctime++ }, false},
		{"inode", func(b *Attr) { b.Ino++ }, false},
	} {
		b := a
		c.change(&b)
		if a.SameContents(b) != c.want {
			t.Errorf("%s changes: %v", c.name, !c.want)
		}
	}
}
