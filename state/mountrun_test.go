package state

import (
	"fmt"
	"testing"
)

// Whatever is done to a mount, and wherever it is cut off: the published tree is
// whole at every moment, no blob is put after it was deleted, none is forgotten,
// and the journal's namespace is that of the calls that made it.
func TestMountStaysConsistentWhateverHappens(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			newMountWalk(t, seed).run(800)
		})
	}
}
