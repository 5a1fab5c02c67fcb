package remote

import (
	"os"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/trees"
)

// Signatures of two shared access signatures; the service accepts one at a time.
const (
	OldSignature = "sig=oldSignature"
	NewSignature = "sig=newSignature"
)

// Guarded is a load into a container whose service stops to accept the old signature
// in the middle.
type Guarded struct {
	*Metered
	Source, State, File string
	Before              inventory.Tree
}

// Replace gives the file of credentials new content, in one step.
func (g Guarded) Replace(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(g.File+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.File+".new", g.File); err != nil {
		t.Fatal(err)
	}
}

func (g Guarded) MustBeWhole(t *testing.T, res harness.Result) {
	t.Helper()
	trees.MustHold(t, g.Before, g.Inventory(), inventory.Full)
	MustKeepSecrets(t, res, g.State)
	for name, data := range g.Blobs("container") {
		if strings.Contains(string(data), "Signature") {
			t.Errorf("blob %s holds a signature", name)
		}
	}
}
