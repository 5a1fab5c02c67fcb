package dir

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const onePrefix = "0006BA3D54E0767E_71C2."

func openNames(t *testing.T) (c *Container, path string) {
	t.Helper()
	path = t.TempDir()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, path
}

func (c *Container) mustList(t *testing.T, want int) {
	t.Helper()
	page, err := c.List(t.Context(), onePrefix, "")
	if err != nil || len(page.Blobs) != want {
		t.Errorf("%d blobs, want %d: %v", len(page.Blobs), want, err)
	}
}

func age(t *testing.T, path string) {
	t.Helper()
	old := unix.NsecToTimespec(time.Now().Add(-time.Hour).UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{old, old}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestNamesOfAnObjectAreReadOnceWhileNothingChanges(t *testing.T) {
	c, path := openNames(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Put(t.Context(), onePrefix+"1", nil))
	must(c.Put(t.Context(), "another", nil))
	age(t, path)
	c.mustList(t, 1)
	began := c.memory.began
	c.mustList(t, 1)
	if c.memory.began != began {
		t.Error("the directory was read twice")
	}
	must(os.WriteFile(filepath.Join(path, onePrefix+"2"), nil, 0o600))
	c.mustList(t, 2)
	must(os.Remove(filepath.Join(path, onePrefix+"1")))
	c.mustList(t, 1)
	must(os.WriteFile(filepath.Join(path, onePrefix+"2"), make([]byte, 5), 0o600))
	if page, err := c.List(t.Context(), onePrefix, ""); err != nil || page.Blobs[0].Size != 5 {
		t.Errorf("%+v, %v", page, err)
	}
}

// What was put before a listing is in it, however many list and put at the same time.
func TestListingsAtTheSameTimeMissNothing(t *testing.T) {
	c, _ := openNames(t)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 100 {
				name := fmt.Sprintf("%s%d-%d", onePrefix, n, i)
				if err := c.Put(t.Context(), name, nil); err != nil {
					t.Error(err)
				}
				if page, err := c.List(t.Context(), name, ""); err != nil || len(page.Blobs) == 0 {
					t.Errorf("%s is not listed: %v", name, err)
					return
				}
			}
		})
	}
	all.Wait()
}
