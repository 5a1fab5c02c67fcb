package inodes

import (
	"fmt"
	"testing"

	"clfsload/state"
)

func TestRememberedNamesAreBounded(t *testing.T) {
	n := NewNames()
	for dir := range state.Ino(2 * dirsFollowed) {
		n.Follow(dir)
	}
	if len(n.dirs) > dirsFollowed {
		t.Errorf("%d directories", len(n.dirs))
	}
	n.Follow(1)
	for i := range namesFollowed + 10 {
		n.Add(1, fmt.Append(nil, i))
	}
	if n.total > namesFollowed {
		t.Errorf("%d names", n.total)
	}
	if n.Missing(1, []byte("5")) {
		t.Error("a name that is there is missing")
	}
}
