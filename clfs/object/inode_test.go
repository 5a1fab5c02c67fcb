package object_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/object"
)

// fifoInode is the one whose bytes are counted in inode.go.
func fifoInode() *object.Inode {
	in := clfstest.FileInode(nil)
	in.Attr.Type, in.Attr.Mode, in.Attr.Size, in.Attr.Used = clfs.TypeFIFO, 0o010644, 0, 0
	in.Name, in.Data = []byte("pipe"), nil
	return in
}

func TestInodeBytesAreAsDrawn(t *testing.T) {
	in := fifoInode()
	if n := len(in.Append(nil)); n != 352 {
		t.Errorf("a fifo takes %d bytes, want 352", n)
	}
	in.BackPointers = []clfs.ID{clfs.RootID}
	if n := len(in.Append(nil)); n != 344 {
		t.Errorf("a fifo under the root takes %d bytes, want 344", n)
	}
}

// everyAttr has another value in each field.
func everyAttr() object.Attr {
	var a object.Attr
	v := reflect.ValueOf(&a).Elem()
	fill(v, new(uint64))
	a.Mode, a.Type = 0o100755, clfs.TypeRegular
	return a
}

func fill(v reflect.Value, next *uint64) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
		return
	}
	*next++
	v.SetUint(*next + 100)
}

func TestInodeKeepsEveryField(t *testing.T) {
	in := clfstest.FileInode([]byte("contents"))
	in.Attr = everyAttr()
	in.BackPointers = []clfs.ID{clfs.RootID, "x", clfs.ID(bytes.Repeat([]byte{7}, clfs.MaxIDBytes)), clfs.RootID}
	in.Direct = append(in.Direct, "0123456789abcdef", clfs.NullBlock)
	in.Roots = [4]clfs.ID{"a", clfs.NullBlock, "ccc", "dddd"}
	in.Name = []byte("caf\xc3\xa9 \xff\n")
	in.ExtAttrs = []object.ExtAttr{{Key: "k", Value: ""}, {Key: "", Value: "v"}}
	in.Unknown = []object.Record{{Type: 8, Body: []byte("acl")}, {Type: object.RecordDirents, Body: []byte{}}, {Type: 8, Body: []byte{1}}}
	got, err := object.DecodeInode(in.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, in) {
		t.Errorf("decoded\n%+v, want\n%+v", got, in)
	}
}

func TestInodeTellsNoAttributesFromNone(t *testing.T) {
	for _, attrs := range [][]object.ExtAttr{nil, {}} {
		in := fifoInode()
		in.ExtAttrs = attrs
		got, err := object.DecodeInode(in.Append(nil))
		if err != nil || (got.ExtAttrs == nil) != (attrs == nil) {
			t.Errorf("attributes %#v come back as %#v, %v", attrs, got.ExtAttrs, err)
		}
	}
}

func TestDecodeInodeRefusesEveryCut(t *testing.T) {
	payload := clfstest.FileInode([]byte("some contents")).Append(nil)
	for n := range payload {
		var fe *clfs.FormatError
		if _, err := object.DecodeInode(payload[:n]); !errors.As(err, &fe) {
			t.Errorf("%d of %d bytes: %v, want a FormatError", n, len(payload), err)
		}
	}
}

// joinRecords makes a payload of some records of another, by their types.
func joinRecords(t *testing.T, payload []byte, order ...object.RecordType) (joined []byte) {
	t.Helper()
	records, err := object.ParseRecords(payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range order {
		for _, r := range records {
			if r.Type == want {
				joined = object.AppendRecord(joined, r.Type, r.Body)
			}
		}
	}
	return joined
}

func TestDecodeInodeTakesRecordsInAnyOrder(t *testing.T) {
	in := clfstest.FileInode([]byte("x"))
	payload := in.Append(nil)
	mixed := joinRecords(t, payload, object.RecordData, object.RecordName, object.RecordBack, object.RecordBlockMap, object.RecordAttr)
	got, err := object.DecodeInode(mixed)
	if err != nil || !bytes.Equal(got.Append(nil), payload) {
		t.Errorf("records in another order: %v", err)
	}
}

func TestDecodeInodeRefusesMissingAndDoubleRecords(t *testing.T) {
	payload := clfstest.FileInode([]byte("x")).Append(nil)
	all := []object.RecordType{object.RecordAttr, object.RecordBlockMap, object.RecordBack, object.RecordName, object.RecordData}
	for i, left := range all {
		rest := append(append([]object.RecordType{}, all[:i]...), all[i+1:]...)
		if _, err := object.DecodeInode(joinRecords(t, payload, rest...)); err == nil {
			t.Errorf("an inode without %s was accepted", left)
		}
		if _, err := object.DecodeInode(joinRecords(t, payload, append(all, left)...)); err == nil {
			t.Errorf("an inode with two %s was accepted", left)
		}
	}
}

func TestDecodeInodeRefusesBlockMapsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*object.Inode){
		"no own id":          func(in *object.Inode) { in.Direct = nil },
		"null own id":        func(in *object.Inode) { in.Direct = []clfs.ID{clfs.NullHandle} },
		"1025 direct blocks": func(in *object.Inode) { in.Direct = append(in.Direct, make([]clfs.ID, 1024)...) },
		"empty id":           func(in *object.Inode) { in.BackPointers = []clfs.ID{""} },
		"id of 65 bytes":     func(in *object.Inode) { in.BackPointers = []clfs.ID{clfs.ID(make([]byte, 65))} },
		"type of a segment":  func(in *object.Inode) { in.Attr.Type = clfs.TypeSegment },
	} {
		in := clfstest.FileInode([]byte("x"))
		change(in)
		for i := 1; i < len(in.Direct); i++ {
			in.Direct[i] = clfs.NullBlock
		}
		if _, err := object.DecodeInode(in.Append(nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDecodeInodeCountsBeforeItAllocates(t *testing.T) {
	body := []byte{0, 0x40, 0, 0, 0, 0, 0x80, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 'x'}
	payload := clfstest.FileInode(nil).Append(nil)
	payload = object.AppendRecord(payload[:128], object.RecordBlockMap, body)
	var fe *clfs.FormatError
	if _, err := object.DecodeInode(payload); !errors.As(err, &fe) {
		t.Errorf("4294967295 direct blocks in 3 bytes: %v", err)
	}
}
