package tests

import (
	"os"
	"strings"
	"testing"

	"clfsload/tests/inventory"
)

// Signatures of two shared access signatures; the service accepts one at a time.
const (
	oldSignature = "sig=oldSignature"
	newSignature = "sig=newSignature"
)

// guarded is a load into a container whose service stops to accept the old signature
// in the middle.
type guarded struct {
	*meteredContainer
	source, state, file string
	before              inventory.Tree
}

// replace gives the file of credentials new content, in one step.
func (g guarded) replace(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(g.file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(g.file+".new", g.file); err != nil {
		t.Fatal(err)
	}
}

func (g guarded) mustBeWhole(t *testing.T, res result) {
	t.Helper()
	mustHold(t, g.before, g.inventory(), inventory.Full)
	mustKeepSecrets(t, res, g.state)
	for name, data := range g.Blobs("container") {
		if strings.Contains(string(data), "Signature") {
			t.Errorf("blob %s holds a signature", name)
		}
	}
}
