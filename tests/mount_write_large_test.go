//go:build large

package tests

import (
	"testing"

	"clfsload/tests/inventory"
)

func TestRsyncCopiesUsrShareIn(t *testing.T) {
	i := newIntake(t)
	i.rsyncInto(usrShare)
	becomesContainer(i, usrShare)
	before := listTree(t, i.point)
	i.remount()
	reportLines(t, "after a remount", inventory.Compare(before, listTree(t, i.point), asMounted))
}

func TestADirectoryOf300000ThatChangesIsListedWhole(t *testing.T) { listsWhileItChanges(t, 300_000) }
