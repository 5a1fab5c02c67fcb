package clfs_test

import (
	"fmt"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
)

func TestHashesMatchVectors(t *testing.T) {
	for _, v := range clfstest.LoadVectors(t).Hashes {
		id := clfstest.Unhex(t, v.ID)
		if got := fmt.Sprintf("%08x", clfs.FNV1(id)); got != v.FNV1 {
			t.Errorf("fnv1(%s) = %s, want %s", v.ID, got, v.FNV1)
		}
		if got := fmt.Sprintf("%08x", clfs.Murmur2([]byte(id))); got != v.Murmur2 {
			t.Errorf("murmur2(%s) = %s, want %s", v.ID, got, v.Murmur2)
		}
		if got := fmt.Sprintf("%016x", id.Hash()); got != v.FNV1+v.Murmur2 {
			t.Errorf("hash64(%s) = %s, want %s%s", v.ID, got, v.FNV1, v.Murmur2)
		}
	}
}

func TestNamesMatchVectors(t *testing.T) {
	for _, v := range clfstest.LoadVectors(t).Names {
		id := clfstest.Unhex(t, v.ID)
		got := clfs.ObjectName(id, clfstest.Unhex(t, v.Owner), v.BType, v.Version)
		if got != v.Name {
			t.Errorf("name %s, want %s", got, v.Name)
		}
		n, err := clfs.ParseName(v.Name)
		if err != nil || n.ID != id || n.Version != v.Version || n.String() != v.Name {
			t.Errorf("%s parses to %+v, %v", v.Name, n, err)
		}
		if prefix := clfs.NamePrefix(id); !strings.HasPrefix(v.Name, prefix) || !strings.HasSuffix(prefix, ".") {
			t.Errorf("%s does not begin with the prefix %s", v.Name, prefix)
		}
	}
}

func TestHandlesMatchVectors(t *testing.T) {
	types := [...]clfs.Type{
		1: clfs.TypeDirectory, 2: clfs.TypeRegular, 3: clfs.TypeSymlink, 4: clfs.TypeBlock,
		5: clfs.TypeChar, 6: clfs.TypeSocket, 7: clfs.TypeFIFO,
	}
	for _, v := range clfstest.LoadVectors(t).Handles {
		h := clfs.Handle{
			ContainerID: v.ContainerID, DirMgrSource: v.DmidSrc, DirMgrTarget: v.DmidTgt,
			Type: types[v.FType], Sequence: v.Seq, Random: v.Random,
		}
		id := clfstest.Unhex(t, v.Handle)
		if h.ID() != id {
			t.Errorf("%+v is %s, want %s", h, h.ID(), id)
		}
		h.ContainerID &= 1<<27 - 1
		if got, err := clfs.ParseHandle(id); err != nil || got != h {
			t.Errorf("%s parses to %+v, %v, want %+v", id, got, err, h)
		}
		if id.DirMgr() != v.DmidTgt {
			t.Errorf("%s: directory manager %d, want %d", id, id.DirMgr(), v.DmidTgt)
		}
	}
}
