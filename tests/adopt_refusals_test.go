package tests

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
)

// adopting is a mount of a container with a new STATE that will be refused.
type adopting struct {
	t     *testing.T
	state string // in a directory that is not there
	point string
}

func newAdopting(t *testing.T) adopting {
	t.Helper()
	return adopting{t, filepath.Join(t.TempDir(), "not", "there", "state"), mountPoint(t)}
}

func (a adopting) mount(target string, flags ...string) result {
	a.t.Helper()
	arguments := append([]string{"mount", "--state", a.state, "--target", target}, flags...)
	return clfsload(a.t, append(arguments, a.point)...)
}

// mustRefuse wants the mount to be refused with an exit code and with texts, and to leave
// nothing behind.
func (a adopting) mustRefuse(target string, code int, says ...string) {
	a.t.Helper()
	a.mount(target).mustExit(code).mustBeOneLine().mustSay(says...).mustNotPanic()
	if isMounted(a.t, a.point) {
		a.t.Error("it is mounted")
	}
	mustNotExist(a.t, filepath.Dir(filepath.Dir(a.state)))
}

// editBlob changes a blob of a container in a directory.
func editBlob(t *testing.T, container string, id clfs.ID, edit func(path string, data []byte)) {
	t.Helper()
	for name, data := range contentsOf(t, container) {
		if n, err := clfs.ParseName(name); err == nil && n.ID == id {
			edit(filepath.Join(container, name), data)
			return
		}
	}
	t.Fatalf("there is no blob of %s", id)
}

func rewrite(t *testing.T, change func(data []byte) []byte) func(path string, data []byte) {
	return func(path string, data []byte) { must(t, os.WriteFile(path, change(slices.Clone(data)), 0o644)) }
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
			must(t, os.RemoveAll(c))
			mustMkdir(t, c)
			writeFile(t, filepath.Join(c, "notes.txt"), "text")
		}, exitNotEmpty, []string{"not empty"}},
		{"no bucket object", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, func(path string, _ []byte) { must(t, os.Remove(path)) })
		}, exitNotEmpty, []string{"not empty"}},
		{"no root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, func(path string, _ []byte) { must(t, os.Remove(path)) })
		}, exitDamaged, []string{"root"}},
		{"a temporary root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, func(path string, _ []byte) {
				must(t, os.Rename(path, filepath.Join(c, "tmp"+filepath.Base(path))))
			})
		}, exitDamaged, []string{"CLFSLoad has not finished", "temporary name"}},
		{"an encrypted root", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, rewrite(t, func(data []byte) []byte { data[0] = 1; return data }))
		}, exitDamaged, []string{"encrypted"}},
		{"an encrypted bucket object", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, rewrite(t, func(data []byte) []byte { data[0] = 2; return data }))
		}, exitDamaged, []string{"encrypted"}},
		{"a newer format", func(t *testing.T, c string) {
			editBlob(t, c, clfs.BucketID, rewrite(t, func(data []byte) []byte {
				payload, _, err := compression.Unpack(data, 1<<20)
				must(t, err)
				at := bytes.Index(payload, []byte("bucketObjVersion"))
				payload[at+bytes.IndexByte(payload[at:], '2')] = '3'
				return compression.Pack(nil, payload, compression.None)
			}))
		}, exitDamaged, []string{"bucketObjVersion", "3"}},
		{"a root that is a file", func(t *testing.T, c string) {
			editBlob(t, c, clfs.RootID, rewrite(t, func(data []byte) []byte {
				payload, _, err := compression.Unpack(data, 1<<20)
				must(t, err)
				in, err := object.DecodeInode(payload)
				must(t, err)
				in.Attr.Type, in.Attr.Mode, in.Dirents = clfs.TypeRegular, unix.S_IFREG|0o644, nil
				return compression.Pack(nil, in.Append(nil), compression.None)
			}))
		}, exitDamaged, []string{"root"}},
		{"a space tracker", func(t *testing.T, c string) { foreignBlob(t, c, clfs.SpaceTrackerID) }, exitBusy, []string{"cache", "00000065_", "--detached"}},
		{"a snapshot database", func(t *testing.T, c string) { foreignBlob(t, c, clfs.SnapshotDBID) }, exitBusy, []string{"cache", "00000067_", "--detached"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := built(t, smallContainer(t))
			container := strings.TrimPrefix(target, "dir:")
			c.change(t, container)
			a := newAdopting(t)
			mustLeave(t, container, func() { a.mustRefuse(target, c.code, c.says...) })
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
	tr := newTransfer(t, cutTree(t))
	stopInTheMiddle(t, tr)
	a := newAdopting(t)
	mustLeave(t, tr.blobs, func() { a.mustRefuse("dir:"+tr.blobs, exitDamaged, "load", tr.state) })
	clfsload(t, tr.resume()...).mustExit(exitOK)
}

// What a cache has left is no obstacle once the user says that no cache is attached, and stays.
func TestAContainerThatACacheHasUsedIsAdoptedWhenItIsDetached(t *testing.T) {
	target := built(t, smallContainer(t))
	container := strings.TrimPrefix(target, "dir:")
	for _, id := range []clfs.ID{clfs.SpaceTrackerID, clfs.SnapshotDBID} {
		foreignBlob(t, container, id)
	}
	before := contentsOf(t, container)
	i := newIntakeInto(t, target, "--detached")
	writeFile(t, i.path("directory/new"), "new")
	i.unmounted()
	c := changesOf(before, contentsOf(t, container))
	mustChange(t, c, types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1}, types{clfs.TypeDirectory: 1})
	i.again() // it was told once
	i.endsWell(unix.SIGTERM)
}

func TestAContainerThatAnotherMountHoldsIsNotAdopted(t *testing.T) {
	target := built(t, smallContainer(t))
	holder := newIntakeInto(t, target)
	a := newAdopting(t)
	before := contentsOf(t, holder.container())
	a.mustRefuse(target, exitBusy, "another process")
	if c := changesOf(before, contentsOf(t, holder.container())); len(c.added)+len(c.gone) > 0 {
		t.Errorf("changed are\n%s", c)
	}
	writeFile(t, holder.path("more"), "more")
	holder.endsPublished()
}

func TestAContainerThatAnotherProgramHasLeasedIsNotAdopted(t *testing.T) {
	c := newMeteredContainer(t)
	clfsload(t, c.into(filepath.Join(t.TempDir(), "state"), modestTree(t), "--new")...).mustExit(exitOK)
	c.acquireForeign(t)
	c.before(func(name string) { t.Errorf("%s was put", name) })
	newAdopting(t).mustRefuse(c.url, exitBusy, "leased by another process")
	c.before(nil)
	c.lease(t, "release", "x-ms-lease-id", foreignLease)
	i := newIntakeInto(t, c.url)
	writeFile(t, i.path("new"), "new")
	i.endsPublishedTo(c)
}
