package dir_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/dir"
	"clfsload/tests/needs"
)

func TestConformance(t *testing.T) {
	blobtest.TestContainer(t, func(t *testing.T) blob.Container { return open(t, t.TempDir()) })
}

func open(t testing.TB, path string) *dir.Container {
	t.Helper()
	c, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func entries(t *testing.T, path string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestDirectoryHoldsExactlyTheBlobs(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	for _, name := range []string{"a", "b", "a"} {
		if err := c.Put(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := entries(t, path); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("directory holds %q", got)
	}
}

func TestOpenRemovesTemporaryFilesOfTheDead(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{".put.000", ".put.3ff", ".other", "blob"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	if got := entries(t, path); !slices.Equal(got, []string{".other", "blob"}) {
		t.Errorf("directory holds %q", got)
	}
}

func TestOpenLeavesTemporaryFilesOfTheLiving(t *testing.T) {
	path := t.TempDir()
	open(t, path)
	temp := filepath.Join(path, ".put.000")
	if err := os.WriteFile(temp, []byte("of the first"), 0o644); err != nil {
		t.Fatal(err)
	}
	second := open(t, path)
	for i := range 3 {
		if err := second.Put(t.Context(), fmt.Sprint(i), []byte("of the second")); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(temp); err != nil || string(got) != "of the first" {
		t.Errorf("temporary file of the first: %q, %v", got, err)
	}
}

func TestListLeavesOutWhatIsNoBlob(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	err := errors.Join(
		os.WriteFile(filepath.Join(path, "blob"), []byte("12345"), 0o644),
		os.WriteFile(filepath.Join(path, ".hidden"), nil, 0o644),
		os.Mkdir(filepath.Join(path, "directory"), 0o755),
		os.Symlink("blob", filepath.Join(path, "link")),
	)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.List(t.Context(), "", "")
	if err != nil || len(page.Blobs) != 1 || page.Blobs[0].Name != "blob" || page.Blobs[0].Size != 5 {
		t.Errorf("List returned %v, %v", page, err)
	}
	if _, err := c.Get(t.Context(), "link", 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Get of a symbolic link: %v", err)
	}
}

func TestOpenOfMissingDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below"), filepath.Join(t.TempDir(), "none")} {
		if _, err := dir.Open(path); !errors.Is(err, blob.ErrContainerMissing) {
			t.Errorf("Open(%s): %v", path, err)
		}
	}
}

func TestCreateMakesTheDirectoryButNoneAbove(t *testing.T) {
	parent := t.TempDir()
	for range 2 {
		c, err := dir.Create(filepath.Join(parent, "new"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Put(t.Context(), "x", nil); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := dir.Create(filepath.Join(parent, "none", "new")); !errors.Is(err, blob.ErrContainerMissing) {
		t.Errorf("Create below a missing directory: %v", err)
	}
	if got := entries(t, parent); !slices.Equal(got, []string{"new"}) {
		t.Errorf("the directory above holds %q", got)
	}
}

func TestRemovedDirectoryIsErrContainerMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	c, err := dir.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, getErr := c.Get(t.Context(), "a", 0, -1)
	_, listErr := c.List(t.Context(), "", "")
	for _, err := range []error{c.Put(t.Context(), "a", nil), c.Delete(t.Context(), "a"), getErr, listErr} {
		if !errors.Is(err, blob.ErrContainerMissing) {
			t.Errorf("error is %v", err)
		}
	}
}

// TestFullDiskIsErrNoSpace needs the right to mount, which the tests of the mount
// need as well.
func TestFullDiskIsErrNoSpace(t *testing.T) {
	path := mountTmpfs(t, "size=64k")
	c := open(t, path)
	if err := c.Put(t.Context(), "small", make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), "large", make([]byte, 1<<20)); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("Put on a full disk: %v", err)
	}
	if got := entries(t, path); !slices.Equal(got, []string{"small"}) {
		t.Errorf("directory holds %q after a failed Put", got)
	}
}

func TestReadOnlyDirectoryIsErrPermission(t *testing.T) {
	path := mountTmpfs(t, "")
	if err := os.WriteFile(filepath.Join(path, "a"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	if err := c.Put(t.Context(), "b", nil); !errors.Is(err, blob.ErrPermission) {
		t.Errorf("Put: %v", err)
	}
	if err := c.Delete(t.Context(), "a"); !errors.Is(err, blob.ErrPermission) {
		t.Errorf("Delete: %v", err)
	}
	if o, err := c.Get(t.Context(), "a", 0, -1); err != nil || string(o.Data) != "1" {
		t.Errorf("Get: %q, %v", o.Data, err)
	}
}

func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	needs.Root(t)
	path := t.TempDir()
	if err := unix.Mount("clfsload-test", path, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return path
}

func BenchmarkPut8K(b *testing.B) {
	c := open(b, b.TempDir())
	data := make([]byte, 8<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := c.Put(context.Background(), fmt.Sprintf("blob%d", i), data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSyncNoticesThatTheDirectoryIsNotAtItsPathAnyMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "container")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(path, path+".away")
	if err := c.Sync(t.Context()); !errors.Is(err, blob.ErrContainerMissing) {
		t.Errorf("moved away: Sync: %v", err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); !errors.Is(err, blob.ErrContainerMissing) {
		t.Errorf("replaced: Sync: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	move(path+".away", path)
	if err := c.Sync(t.Context()); err != nil {
		t.Errorf("back again: Sync: %v", err)
	}
}

func TestPutsEndWhenOtherProcessesHaveAllTemporaryNames(t *testing.T) {
	path := t.TempDir()
	c := open(t, path)
	for i := range 1024 {
		if err := os.WriteFile(filepath.Join(path, fmt.Sprintf(".put.%03x", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := c.Put(t.Context(), "name", nil); err == nil || !strings.Contains(err.Error(), ".put.") {
			t.Errorf("put: %v", err)
		}
	}
}
