package fusefs

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/needs"
)

func TestTheTopmostMountOfAPointIsFound(t *testing.T) {
	needs.Root(t)
	point := filepath.Join(t.TempDir(), "with space\\, tab\t and more")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if m, err := mountAt(point); m != nil || err != nil {
		t.Errorf("before a mount: %v, %v", m, err)
	}
	for _, source := range []string{"first", "second"} {
		if err := unix.Mount(source, point, "tmpfs", 0, "size=64k"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
		if m, err := mountAt(point); err != nil || m == nil || m.Source != source || m.FSType != "tmpfs" {
			t.Errorf("after the mount of %s: %+v, %v", source, m, err)
		}
	}
}
