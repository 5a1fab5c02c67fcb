package blockmap_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/blockmap"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

func truncatedSHA(s string) clfs.ID {
	sum := sha256.Sum256([]byte(s))
	return clfs.ID(sum[:16])
}

func TestIndirectBlocksMatchVectors(t *testing.T) {
	v := clfstest.LoadVectors(t).Indirect
	for _, c := range v.Cases {
		t.Run(fmt.Sprint(c.Blocks), func(t *testing.T) {
			checkIndirectCase(t, clfstest.Unhex(t, v.Handle), clfstest.Unhex(t, v.Parent), c)
		})
	}
}

func checkIndirectCase(t *testing.T, handle, parent clfs.ID, c clfstest.IndirectCase) {
	var emitted []clfstest.EncodedObject
	newID := func(int, int, uint64) clfs.ID { return truncatedSHA(fmt.Sprintf("indirect-%d", len(emitted))) }
	b := blockmap.NewBuilder(handle, newID, func(id clfs.ID, b object.IndirectBlock) error {
		b.Ctime = 1400000001
		payload := b.Append(nil)
		decoded, err := object.DecodeIndirect(payload)
		if err != nil || !bytes.Equal(decoded.Append(nil), payload) {
			t.Errorf("indirect block %s does not survive decoding: %v", id, err)
		}
		name := clfs.ObjectName(id, handle, clfs.TypeIndirect, clfs.FirstVersion)
		emitted = append(emitted, clfstest.EncodedObject{
			ID: strings.ToLower(id.String()), SHA256: clfstest.Digest(payload), Name: name, Length: len(payload),
		})
		return nil
	})
	for n := uint64(1); n < c.Blocks; n++ {
		if err := b.Add(truncatedSHA(fmt.Sprintf("block-%d", n))); err != nil {
			t.Fatal(err)
		}
	}
	direct, roots, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(emitted, c.Indirect) {
		t.Errorf("indirect blocks %+v, want %+v", emitted, c.Indirect)
	}
	for i, root := range roots {
		if root != clfstest.Unhex(t, c.Roots[i]) {
			t.Errorf("root %d is %s, want %s", i, root, c.Roots[i])
		}
	}
	in := clfstest.VectorInode(parent, c.Size, direct, roots)
	if payload := in.Append(nil); clfstest.Digest(payload) != c.Inode.SHA256 || len(payload) != c.Inode.Length {
		t.Errorf("inode of %d bytes with sha256 %s, want %+v", len(payload), clfstest.Digest(payload), c.Inode)
	}
}
