package object_test

import (
	"bytes"
	"reflect"
	"testing"

	"clfsload/clfs/object"
)

func TestBucketRoundTrip(t *testing.T) {
	b := object.Bucket{
		UUID: "123e4567-e89b-42d3-a456-426614174000", Logs: []string{"a.log", "b.log"},
		Mark:    &object.Mark{ID: "m", Publication: 7, Time: "2026-11-29T20:00:00Z", State: "host:/state", Open: object.OpenMount},
		Others:  []object.ExtAttr{{Key: "later", Value: "1"}, {Key: "logfile009", Value: "c.log"}},
		Unknown: []object.Record{{Type: 14, Body: []byte("x")}},
	}
	got, err := object.DecodeBucket(b.Append(nil))
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%+v, %v, want %+v", got, err, b)
	}
	if n := len(object.Bucket{UUID: b.UUID}.Append(nil)); n != 168 {
		t.Errorf("a bucket object without logs has %d bytes, want 168", n)
	}
}

func TestDecodeBucketRefusesOtherFormats(t *testing.T) {
	good := object.Bucket{UUID: "u"}.Append(nil)
	attrs := bytes.Replace(good, []byte("bucketObjVersion\x01\x00\x00\x002"), []byte("bucketObjVersion\x01\x00\x00\x003"), 1)
	for name, payload := range map[string][]byte{
		"object version 3": attrs,
		"no UUID":          object.Bucket{}.Append(nil),
		"two UUIDs":        object.Bucket{UUID: "u", Others: []object.ExtAttr{{Key: "bucketUUID", Value: "v"}}}.Append(nil),
		"two records":      append(bytes.Clone(good), good...),
		"nothing":          nil,
	} {
		if b, err := object.DecodeBucket(payload); err == nil {
			t.Errorf("%s: read as %+v", name, b)
		}
	}
}

func TestOnlyTheLogsOfCLFSLoadTellThatItFinishedAContainer(t *testing.T) {
	for _, c := range []struct {
		logs []string
		want bool
	}{
		{nil, false},
		{[]string{"clfsload.log"}, false},
		{[]string{"output.txt"}, true},
		{[]string{"output.process-transfer-0.txt", "output.process-reconcile-7.txt", "output.txt"}, true},
		{[]string{"output.process-transfer-0.txt"}, false},
		{[]string{"output.txt", "clfsload.log"}, false},
		{[]string{"output.txt", "output.txt.old"}, false},
	} {
		if got := (object.Bucket{Logs: c.logs}).FinishedByCLFSLoad(); got != c.want {
			t.Errorf("logs %q: %v, want %v", c.logs, got, c.want)
		}
	}
}
