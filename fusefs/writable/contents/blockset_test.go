package contents

import "testing"

func TestASetOfBlocksHasItsRanges(t *testing.T) {
	for _, c := range []struct{ from, to uint64 }{{0, 0}, {0, 1}, {3, 64}, {64, 128}, {1, 200}, {63, 65}, {10, 10}, {100, 5}} {
		var s blockSet
		s.addRange(c.from, c.to)
		for i := range uint64(300) {
			if want := i >= c.from && i < c.to; s.has(i) != want {
				t.Fatalf("%d to %d: has %d: %v", c.from, c.to, i, !want)
			}
		}
	}
}
