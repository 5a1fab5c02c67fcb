//go:build large

package write

import (
	"testing"

	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

func TestRsyncCopiesUsrShareIn(t *testing.T) {
	i := mounted.NewIntake(t)
	i.RsyncInto(trees.UsrShare)
	becomesContainer(i, trees.UsrShare)
	before := trees.List(t, i.Point)
	i.Remount()
	trees.ReportLines(t, "after a remount", inventory.Compare(before, trees.List(t, i.Point), trees.AsMounted))
}

func TestADirectoryOf300000ThatChangesIsListedWhole(t *testing.T) { listsWhileItChanges(t, 300_000) }
