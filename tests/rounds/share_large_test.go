//go:build large

package rounds

import (
	"testing"

	"clfsload/tests/trees"
)

func TestRsyncBringsChangesIntoAContainerOfUsrShare(t *testing.T) {
	followsByRsync(t, trees.UsrShare, 1000)
}
