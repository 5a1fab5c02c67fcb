//go:build large

package tests

import (
	"path/filepath"
	"testing"

	"clfsload/tests/azurite"
)

// A tree of some 50,000 entries that every Linux has; `make test-large` runs it.
const usrShare = "/usr/share"

func TestLoadKeepsUsrShare(t *testing.T) {
	loads(t, usrShare, shared, "--preserve-hardlinks")
}

func TestLoadIntoAzureKeepsUsrShare(t *testing.T) {
	server := azurite.Start(t)
	before := listTree(t, usrShare)
	name := server.NewContainer(t)
	arguments := []string{"load", "--new", filepath.Join(t.TempDir(), "state"), usrShare, server.ContainerURL(name), "--preserve-hardlinks"}
	command(t, arguments, account(server)).start().wait().mustExit(exitOK)
	mustHold(t, before, serviceBlobs(t, server, name), shared)
}
