package inventory

import (
	"bytes"
	"fmt"
	"slices"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

// Blobs is a container's flat set of blobs.
type Blobs struct {
	Names []string
	Get   func(name string) ([]byte, error)
	// Lived: what is in the container was moved and changed after it was put. A
	// block may tell an earlier ctime than its inode then, and a handle the number
	// of the directory that it was made in.
	Lived bool
}

// Contents is what OfContainer found.
type Contents struct {
	Tree     Tree
	RootName string   // the name that the root inode has
	Objects  int      // inodes; with hard links fewer than names
	LZ4      int      // blobs that were read and are compressed
	Problems []string // what breaks the format, one line each
}

// OfContainer walks the container from its root and returns all that it
// reached. What breaks the rules of docs/clfs-format.md is in Problems; what a
// problem hides is left out of Tree.
func OfContainer(blobs Blobs) Contents {
	r := newReader(blobs)
	r.readBucket()
	r.directory(place{path: ".", parent: clfs.RootID}, clfs.RootID)
	r.checkLinks()
	r.checkOrphans()
	r.tree.setGroups(r.paths())
	return Contents{Tree: r.tree, RootName: r.rootName, Objects: len(r.objects) + r.directories, LZ4: r.lz4, Problems: r.problems}
}

// place is where in the namespace an object was found.
type place struct {
	path   string
	parent clfs.ID
	name   []byte
}

// foundInode is an inode that is no directory, and where it was found.
type foundInode struct {
	inode  *object.Inode
	entry  Entry // without its path
	places []place
}

type reader struct {
	blobs       Blobs
	byID        map[clfs.ID][]clfs.Name
	unreached   map[string]bool
	above       map[clfs.ID]bool // directories that are being read
	objects     map[clfs.ID]*foundInode
	sequences   map[uint64]clfs.ID
	root        *object.Inode
	directories int
	lz4         int
	tree        Tree
	rootName    string
	problems    []string
}

func newReader(blobs Blobs) *reader {
	r := &reader{
		blobs: blobs, byID: map[clfs.ID][]clfs.Name{}, unreached: map[string]bool{}, above: map[clfs.ID]bool{},
		objects: map[clfs.ID]*foundInode{}, sequences: map[uint64]clfs.ID{}, tree: Tree{},
	}
	for _, text := range blobs.Names {
		r.unreached[text] = true
		if name, err := clfs.ParseName(text); err == nil {
			r.byID[name.ID] = append(r.byID[name.ID], name)
		}
	}
	return r
}

// problem notes a broken rule about what (a path or an id).
func (r *reader) problem(what, format string, arguments ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%q: ", what)+fmt.Sprintf(format, arguments...))
}

// expect notes a problem unless got is what is wanted.
func expect[T comparable](r *reader, what, field string, got, want T) {
	if got != want {
		r.problem(what, "%s is %v, not %v", field, got, want)
	}
}

// fetch reads the one blob of an object and returns its payload, or nil.
func (r *reader) fetch(what string, id clfs.ID) ([]byte, clfs.Name) {
	names := r.byID[id]
	if len(names) != 1 {
		r.problem(what, "object %s has %d blobs, not one", id, len(names))
	}
	if len(names) == 0 {
		return nil, clfs.Name{}
	}
	text := names[0].String()
	if !r.unreached[text] {
		r.problem(what, "blob %s is reached twice", text)
	}
	delete(r.unreached, text)
	raw, err := r.blobs.Get(text)
	if err != nil {
		r.problem(what, "get %s: %v", text, err)
		return nil, names[0]
	}
	payload, method, err := compression.Unpack(raw, object.MaxSegmentPayload)
	if err != nil {
		r.problem(what, "blob %s: %v", text, err)
		return nil, names[0]
	}
	if method == compression.LZ4 {
		r.lz4++
	}
	return payload, names[0]
}

// checkName computes the blob's name anew.
func (r *reader) checkName(what string, name clfs.Name, owner clfs.ID, t clfs.Type) {
	expect(r, what, "blob name", name.String(), clfs.ObjectName(name.ID, owner, t, name.Version))
	if name.Version < clfs.FirstVersion {
		r.problem(what, "version %d is below %d", name.Version, clfs.FirstVersion)
	}
}

func (r *reader) readBucket() {
	const what = "bucket object"
	payload, name := r.fetch(what, clfs.BucketID)
	if payload == nil {
		return
	}
	expect(r, what, "blob name", name.String(), "00000063_00000000000000000000000000000063.00000000009.FFFFFFFF.0001")
	bucket, err := object.DecodeBucket(payload)
	if err != nil {
		r.problem(what, "%v", err)
		return
	}
	if bucket.UUID == "" {
		r.problem(what, "has no UUID")
	}
	for _, log := range bucket.Logs {
		delete(r.unreached, log)
	}
}

// checkLinks compares where each object was found with what it says of that.
func (r *reader) checkLinks() {
	for id, o := range r.objects {
		what := o.places[0].path
		var parents []clfs.ID
		named := false
		for _, p := range o.places {
			parents = append(parents, p.parent)
			named = named || p.parent == o.inode.BackPointers[0] && bytes.Equal(p.name, o.inode.Name)
		}
		slices.Sort(parents)
		if back := slices.Sorted(slices.Values(o.inode.BackPointers)); !slices.Equal(parents, back) {
			r.problem(what, "object %s is in directories %v, its back pointers are %v", id, parents, back)
		}
		if !named {
			r.problem(what, "no entry %q in its first directory", o.inode.Name)
		}
	}
}

func (r *reader) checkOrphans() {
	for name := range r.unreached {
		r.problem(name, "nothing reaches this blob")
	}
	slices.Sort(r.problems)
}

// paths lists the paths of each object that is no directory.
func (r *reader) paths() map[string][]string {
	paths := map[string][]string{}
	for id, o := range r.objects {
		for _, p := range o.places {
			paths[string(id)] = append(paths[string(id)], p.path)
		}
	}
	return paths
}
