package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob/mem"
)

// object returns the payload of a blob.
func objectData(t *testing.T, c *mem.Container, id, owner clfs.ID, typ clfs.Type) []byte {
	t.Helper()
	o, err := c.Get(t.Context(), clfs.ObjectName(id, owner, typ, clfs.FirstVersion), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := compression.Unpack(o.Data, object.MaxSegmentPayload)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestDirectoriesArePackedAsInTheVectors(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/golden/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		DirSegments []struct {
			NameLengths [][2]int `json:"name_lengths_in_order_runlength"`
			Segments    []int
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors.DirSegments) == 0 {
		t.Fatalf("%v, %d vectors", err, len(vectors.DirSegments))
	}
	for _, v := range vectors.DirSegments {
		t.Run(fmt.Sprint(v.NameLengths), func(t *testing.T) {
			f := newFixture(t, compression.None)
			f.dir("d")
			var list []state.Entry
			for _, run := range v.NameLengths {
				for range run[1] { // the number in front keeps them in this order
					name := fmt.Appendf(nil, "%05d%0*d", len(list), run[0]-5, 0)
					list = append(list, state.Entry{Name: name, Attr: f.attr(clfs.TypeSocket, 0)})
				}
			}
			f.add("d", list...)
			f.scanned()
			m := mem.New()
			f.mustLoad(m)
			f.sound(m)
			if got := segmentsOf(t, m, f.dirs["d"].ID); !slices.Equal(got, v.Segments) {
				t.Errorf("segments of %v bytes, want %v", got, v.Segments)
			}
		})
	}
}

// segmentsOf returns how many bytes of entries each segment of a directory below
// the root has.
func segmentsOf(t *testing.T, c *mem.Container, id clfs.ID) []int {
	t.Helper()
	in, err := object.DecodeInode(objectData(t, c, id, clfs.RootID, clfs.TypeDirectory))
	if err != nil {
		t.Fatal(err)
	}
	sizes, total := []int{len(in.Dirents)}, 4+len(in.Dirents)
	for _, block := range in.Direct[1:] {
		s, err := object.DecodeSegment(objectData(t, c, block, id, clfs.TypeSegment))
		if err != nil {
			t.Fatal(err)
		}
		sizes, total = append(sizes, len(s.Dirents)), total+4+len(s.Dirents)
	}
	if in.Attr.Size != uint64(total) {
		t.Errorf("the directory says it has %d bytes, its segments have %d", in.Attr.Size, total)
	}
	return sizes
}

func TestADirectoryOfManySegmentsListsEveryEntry(t *testing.T) {
	f := newFixture(t, compression.LZ4)
	f.wide("wide", 4097)
	for i := range 3 {
		f.dir(fmt.Sprintf("wide/sub%d", i))
	}
	f.scanned()
	m := mem.New()
	f.mustLoad(m)
	f.sound(m)
	if sizes := segmentsOf(t, m, f.dirs["wide"].ID); len(sizes) < 4 {
		t.Errorf("segments of %v bytes: too few for the test", sizes)
	}
	in, err := object.DecodeInode(objectData(t, m, f.dirs["wide"].ID, clfs.RootID, clfs.TypeDirectory))
	if err != nil || in.Attr.Nlink != 2+3 {
		t.Errorf("link count %d with 3 subdirectories, %v", in.Attr.Nlink, err)
	}
}
