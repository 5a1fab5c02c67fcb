package dir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSelectionKeepsTheSmallest(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 19, 20, 21, 500} {
		s := selection{limit: 10}
		var all []string
		for _, i := range rand.Perm(n) {
			name := fmt.Sprintf("%04d", i)
			all = append(all, name)
			s.add(name)
			if i%3 == 0 {
				s.add(name)
			}
		}
		s.cut()
		slices.Sort(all)
		if want := all[:min(n, 10)]; !slices.Equal(s.names, want) || s.full != (n > 10) {
			t.Errorf("of %d names: %q, full %v; want %q", n, s.names, s.full, want)
		}
	}
}
