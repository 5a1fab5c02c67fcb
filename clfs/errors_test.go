package clfs_test

import (
	"errors"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

func TestWithObjectNamesTheObjectOnce(t *testing.T) {
	_, err := object.ParseRecords([]byte("short"))
	named := clfs.WithObject(err, "blob-1")
	var fe *clfs.FormatError
	if !errors.As(named, &fe) || fe.Object != "blob-1" || !strings.HasPrefix(named.Error(), "blob-1: offset 0: ") {
		t.Errorf("%v", named)
	}
	if errors.As(err, &fe); fe.Object != "" {
		t.Error("the decoder's own error was changed")
	}
	if other := clfs.WithObject(compression.ErrEncrypted, "blob-2"); !errors.Is(other, compression.ErrEncrypted) || !strings.HasPrefix(other.Error(), "blob-2: ") {
		t.Errorf("%v", other)
	}
	if clfs.WithObject(nil, "blob-3") != nil {
		t.Error("no error became one")
	}
}
