//go:build large && !race

package write

import (
	"fmt"
	"os"
	"testing"

	"clfsload/tests/blobserver"
	"clfsload/tests/mounted"
)

func TestAMountOfAMillionFilesStaysSmall(t *testing.T) { staysSmall(t, 1_000_000, 2<<30) }

// While the container is away nothing can be given up. Writers wait for a while, and
// then are told that the disk is full.
func TestAStagingAreaThatIsFullWhileTheContainerIsAwayIsENOSPC(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--staging-limit", "64MiB")
	c.Fail(blobserver.Fault{Cut: true, Times: 1_000_000})
	piece, written := make([]byte, 4<<20), 0
	for ; ; written++ {
		piece[written]++
		if err := os.WriteFile(i.Path(fmt.Sprint("file-", written)), piece, 0o644); err != nil {
			mustBeENOSPC(t, err)
			break
		}
		if written > 2*leastLimit/len(piece) {
			t.Fatal("nothing was refused")
		}
	}
	c.Mend()
	mustTake(i, "after", "after")
	i.Publish()
	if s := i.Status(); s.Entries < written+1 {
		t.Errorf("%d entries, fewer than %d", s.Entries, written+1)
	}
	i.EndsPublishedTo(c)
}
