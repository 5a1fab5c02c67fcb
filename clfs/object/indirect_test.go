package object_test

import (
	"encoding/binary"
	"reflect"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
)

// The lengths in the vectors' indirect blocks are known without CLFSLoad, too.
func TestIndirectBlockBytesAreAsDrawn(t *testing.T) {
	b := object.IndirectBlock{Blocks: []clfs.ID{"0123456789abcdef"}, Ctime: 5, Tree: 2, Depth: 1, Owner: clfs.NullHandle}
	payload := b.Append(nil)
	if len(payload) != 48+64 {
		t.Fatalf("%d bytes, want 112", len(payload))
	}
	if got := binary.LittleEndian.Uint64(payload[48+20+4:]); got != 2<<16|1 {
		t.Errorf("offset field %#x, want tree 2, depth 1", got)
	}
}

func TestDecodeIndirectRefusesPlacesThatCannotBe(t *testing.T) {
	for _, b := range []object.IndirectBlock{
		{Tree: 4, Owner: "o"}, {Tree: 1, Depth: 2, Owner: "o"}, {Tree: 0, Owner: ""},
		{Blocks: []clfs.ID{""}, Owner: "o"}, {Blocks: fullOf("x", clfs.IndirectFanout+1), Owner: "o"},
	} {
		if _, err := object.DecodeIndirect(b.Append(nil)); err == nil {
			t.Errorf("tree %d depth %d with %d entries: accepted", b.Tree, b.Depth, len(b.Blocks))
		}
	}
	full := object.IndirectBlock{Blocks: fullOf("0123456789abcdef", clfs.IndirectFanout), Tree: 3, Depth: 3, Owner: clfs.NullHandle}
	if payload := full.Append(nil); len(payload) != 73816 {
		t.Errorf("a full block has %d bytes, want 73816", len(payload))
	} else if got, err := object.DecodeIndirect(payload); err != nil || !reflect.DeepEqual(got, full) {
		t.Errorf("a full block does not come back: %v", err)
	}
}

func fullOf(id clfs.ID, n int) []clfs.ID {
	ids := make([]clfs.ID, n)
	for i := range ids {
		ids[i] = id
	}
	return ids
}
