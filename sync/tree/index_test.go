package tree_test

import (
	"fmt"
	"slices"
	"testing"

	"clfsload/sync/blob/mem"
	"clfsload/sync/tree"
)

func TestAListingInPartsFindsEveryBlob(t *testing.T) {
	for _, inParts := range []bool{false, true} {
		c := mem.NewPaged(7)
		var want []string
		for i := range 1000 {
			want = append(want, fmt.Sprintf("%04X_object", i*61))
		}
		want = append(want, "0x", "F~", "Fx", "logfile", "tmp0000", "~", "!", "zebra", "a", "AF", "A_")
		for _, name := range want {
			if err := c.Put(t.Context(), name, nil); err != nil {
				t.Fatal(err)
			}
		}
		tr := tree.New(c, tree.Options{ListInParts: inParts, TempDir: t.TempDir()})
		defer tr.Close()
		x, err := tr.BuildIndex(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		numbers := map[int64]bool{}
		err = x.Each(t.Context(), func(e tree.Entry) error {
			got = append(got, e.Name)
			numbers[e.Number] = true
			return nil
		})
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) || int(x.Len()) != len(want) || len(numbers) != len(want) {
			t.Errorf("in parts %v: %d of %d names, %d numbers, %v", inParts, len(got), len(want), len(numbers), err)
		}
	}
}
