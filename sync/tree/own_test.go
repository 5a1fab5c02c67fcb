package tree_test

import (
	"errors"
	"testing"

	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

func TestInodeOfAnotherIsNotTakenForTheOneThatIsLookedFor(t *testing.T) {
	b := treetest.New(t)
	file, other := b.Root.File("file", []byte("mine")), b.Root.File("other", []byte("not mine"))
	b.Finish()
	b.PutPayload(file.Blob(), b.Payload(other.Blob()))
	_, err := open(t, b).Lookup(t.Context(), "/file")
	var damage *tree.Damage
	if !errors.As(err, &damage) || damage.Kind != tree.KindOwnID || damage.Object != file.Blob() {
		t.Errorf("error %v, want damage of kind %s about %s", err, tree.KindOwnID, file.Blob())
	}
	accepting := open(t, b)
	accepting.AcceptAnyOwnID()
	if n := lookup(t, accepting, "/file"); n.Inode.ID() != other.ID {
		t.Errorf("own id %s, want %s", n.Inode.ID(), other.ID)
	}
}
