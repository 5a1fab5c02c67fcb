package adopt

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/sync/tree/treetest"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// adopting is a mount of a container with a new STATE that will be refused.
type adopting struct {
	t     *testing.T
	state string // in a directory that is not there
	point string
}

func newAdopting(t *testing.T) adopting {
	t.Helper()
	return adopting{t, filepath.Join(t.TempDir(), "not", "there", "state"), mounted.Point(t)}
}

func (a adopting) mount(target string, flags ...string) harness.Result {
	a.t.Helper()
	arguments := append([]string{"mount", "--state", a.state, "--target", target}, flags...)
	return harness.Clfsload(a.t, append(arguments, a.point)...)
}

// mustRefuse wants the mount to be refused with an exit code and with texts, and to leave
// nothing behind.
func (a adopting) mustRefuse(target string, code int, says ...string) {
	a.t.Helper()
	a.mount(target).MustExit(code).MustBeOneLine().MustSay(says...).MustNotPanic()
	if mounted.At(a.t, a.point) {
		a.t.Error("it is mounted")
	}
	harness.MustNotExist(a.t, filepath.Dir(filepath.Dir(a.state)))
}

// editBlob changes a blob of a container in a directory.
func editBlob(t *testing.T, container string, id clfs.ID, edit func(path string, data []byte)) {
	t.Helper()
	for name, data := range harness.ContentsOf(t, container) {
		if n, err := clfs.ParseName(name); err == nil && n.ID == id {
			edit(filepath.Join(container, name), data)
			return
		}
	}
	t.Fatalf("there is no blob of %s", id)
}

func rewrite(t *testing.T, change func(data []byte) []byte) func(path string, data []byte) {
	return func(path string, data []byte) { harness.Must(t, os.WriteFile(path, change(slices.Clone(data)), 0o644)) }
}

// What is not a finished container, or may be in use, is refused before anything is written.
func TestAContainerThatMustNotBeChangedIsRefusedAndStaysAsItIs(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, container string)
		code   int
		says   []string
	}{
		{"no container", func(t *testing.T, c string) {
			harness.Must(t, os.RemoveAll(c))
			harness.MustMkdir(t, c)
			harness.WriteFile(t, filepath.Join(c, "notes.txt"), "text")
		}, harness.ExitNotEmpty, []string{"not empty"}},
		{"no bucket object", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, func(path string, _ []byte) { harness.Must(t, os.Remove(path)) })
		}, harness.ExitNotEmpty, []string{"not empty"}},
		{"no root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, func(path string, _ []byte) { harness.Must(t, os.Remove(path)) })
		}, harness.ExitDamaged, []string{"root"}},
		{"a temporary root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, func(path string, _ []byte) {
				harness.Must(t, os.Rename(path, filepath.Join(c, "tmp"+filepath.Base(path))))
			})
		}, harness.ExitDamaged, []string{"CLFSLoad has not finished", "temporary name"}},
		{"an encrypted root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, rewrite(t, func(data []byte) []byte { data[0] = 1; return data }))
		}, harness.ExitDamaged, []string{"encrypted"}},
		{"an encrypted bucket object", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, rewrite(t, func(data []byte) []byte { data[0] = 2; return data }))
		}, harness.ExitDamaged, []string{"encrypted"}},
		{"a newer format", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, rewrite(t, func(data []byte) []byte {
				payload, _, err := compression.Unpack(data, 1<<20)
				harness.Must(t, err)
				at := bytes.Index(payload, []byte("bucketObjVersion"))
				payload[at+bytes.IndexByte(payload[at:], '2')] = '3'
				return compression.Pack(nil, payload, compression.None)
			}))
		}, harness.ExitDamaged, []string{"bucketObjVersion", "3"}},
		{"a root that is a file", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, rewrite(t, func(data []byte) []byte {
				payload, _, err := compression.Unpack(data, 1<<20)
				harness.Must(t, err)
				in, err := object.DecodeInode(payload)
				harness.Must(t, err)
				in.Attr.Type, in.Attr.Mode, in.Dirents = clfs.TypeRegular, unix.S_IFREG|0o644, nil
				return compression.Pack(nil, in.Append(nil), compression.None)
			}))
		}, harness.ExitDamaged, []string{"root"}},
		{"a space tracker", func(t *testing.T, c string) { trees.ForeignBlob(t, c, clfs.SpaceTrackerID) }, harness.ExitBusy, []string{"cache", "00000065_", "--detached"}},
		{"a snapshot database", func(t *testing.T, c string) { trees.ForeignBlob(t, c, clfs.SnapshotDBID) }, harness.ExitBusy, []string{"cache", "00000067_", "--detached"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := built(t, smallContainer(t))
			container := strings.TrimPrefix(target, "dir:")
			c.change(t, container)
			a := newAdopting(t)
			trees.MustLeave(t, container, func() { a.mustRefuse(target, c.code, c.says...) })
		})
	}
}

// smallContainer has a few files.
func smallContainer(t *testing.T) *treetest.Builder {
	b := treetest.New(t)
	b.Root.File("file", []byte("text"))
	b.Root.Dir("directory").File("below", []byte("more text"))
	return b.Finish()
}

func TestAnUnfinishedLoadIsNotAdopted(t *testing.T) {
	tr := harness.NewTransfer(t, trees.CutTree(t))
	harness.StopInTheMiddle(t, tr)
	a := newAdopting(t)
	trees.MustLeave(t, tr.Blobs, func() { a.mustRefuse("dir:"+tr.Blobs, harness.ExitDamaged, "load", tr.State) })
	harness.Clfsload(t, tr.Resume()...).MustExit(harness.ExitOK)
}

// What a cache has left is no obstacle once the user says that no cache is attached, and stays.
func TestAContainerThatACacheHasUsedIsAdoptedWhenItIsDetached(t *testing.T) {
	target := built(t, smallContainer(t))
	container := strings.TrimPrefix(target, "dir:")
	for _, id := range []clfs.ID{clfs.SpaceTrackerID, clfs.SnapshotDBID} {
		trees.ForeignBlob(t, container, id)
	}
	before := harness.ContentsOf(t, container)
	i := mounted.NewIntakeInto(t, target, "--detached")
	harness.WriteFile(t, i.Path("directory/new"), "new")
	i.Unmounted()
	c := trees.ChangesOf(before, harness.ContentsOf(t, container))
	mustChange(t, c, types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1}, types{clfs.TypeDirectory: 1})
	i.Again() // it was told once
	i.EndsWell(unix.SIGTERM)
}

func TestAContainerThatAnotherMountHoldsIsNotAdopted(t *testing.T) {
	target := built(t, smallContainer(t))
	holder := mounted.NewIntakeInto(t, target)
	a := newAdopting(t)
	before := harness.ContentsOf(t, holder.Container())
	a.mustRefuse(target, harness.ExitBusy, "another process")
	if c := trees.ChangesOf(before, harness.ContentsOf(t, holder.Container())); len(c.Added)+len(c.Gone) > 0 {
		t.Errorf("changed are\n%s", c)
	}
	harness.WriteFile(t, holder.Path("more"), "more")
	holder.EndsPublished()
}

func TestAContainerThatAnotherProgramHasLeasedIsNotAdopted(t *testing.T) {
	c := remote.NewMetered(t)
	harness.Clfsload(t, c.Into(filepath.Join(t.TempDir(), "state"), trees.ModestTree(t), "--new")...).MustExit(harness.ExitOK)
	c.AcquireForeign(t)
	c.Before(func(name string) { t.Errorf("%s was put", name) })
	newAdopting(t).mustRefuse(c.URL, harness.ExitBusy, "leased by another process")
	c.Before(nil)
	c.Lease(t, "release", "x-ms-lease-id", remote.ForeignLease)
	i := mounted.NewIntakeInto(t, c.URL)
	harness.WriteFile(t, i.Path("new"), "new")
	i.EndsPublishedTo(c)
}
