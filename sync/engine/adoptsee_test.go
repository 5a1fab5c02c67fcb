package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

// harmless are findings about what moves, what is changed in part, and ids of other programs.
var harmless = map[tree.Kind]bool{verify.KindOpen: true, verify.KindHandle: true, verify.KindSegmentTime: true}

// findings are what verify finds, without what is always so while a mount is open.
func (m *adopted) findings() map[string]bool {
	m.t.Helper()
	tr := tree.New(m.inner, tree.Options{TempDir: m.t.TempDir()})
	defer tr.Close()
	found := map[string]bool{}
	_, err := verify.Run(m.t.Context(), tr, verify.Options{Found: func(f verify.Finding) {
		object := f.Object
		if n, err := clfs.ParseName(object); err == nil {
			object = n.ID.String()
		}
		if harmless[f.Kind] {
			return
		}
		text := string(f.Kind) + " " + object
		if m.base == nil {
			found[text] = true
			return
		}
		if !m.base[text] {
			m.t.Errorf("verify: %s", f)
		}
	}})
	m.check(err)
	return found
}

// seeing is a pass over the container as a reader sees it.
type seeing struct {
	*adopted
	tr   *tree.Tree
	seen map[clfs.ID]bool
}

// see holds the container to a tree.
func (m *adopted) see(root *thing) {
	m.t.Helper()
	tr := tree.New(m.inner, tree.Options{TempDir: m.t.TempDir()})
	defer tr.Close()
	s := &seeing{m, tr, map[clfs.ID]bool{}}
	m.inner.inUse = map[string]bool{}
	node, err := tr.Root(m.t.Context())
	m.check(err)
	s.node("", node, root)
}

func (s *seeing) node(path string, n *tree.Node, want *thing) {
	s.t.Helper()
	a := n.Inode.Attr
	if n.ID != want.id || n.Type() != want.typ || a.Mode&0o7777 != want.mode || a.UID != want.uid || string(n.Target()) != want.target {
		s.t.Fatalf("%s: %+v, want %+v", path, a, want)
	}
	if s.seen[n.ID] {
		return
	}
	s.seen[n.ID] = true
	if !n.IsDir() && int(a.Nlink) != want.names {
		s.t.Errorf("%s has %d links, want %d", path, a.Nlink, want.names)
	}
	if want.inode != nil {
		s.kept(path, n, want)
	}
	if want.isFile() {
		s.file(path, n, want)
	}
	if want.isDir() {
		s.dir(path, n, want)
	}
}

// kept holds an inode to what another program has made of it.
func (s *seeing) kept(path string, n *tree.Node, want *thing) {
	s.t.Helper()
	if want.blob != "" {
		o, err := s.inner.Get(s.t.Context(), n.Blob, 0, -1)
		if err != nil || n.Blob != want.blob || string(o.Data) != string(want.data) {
			s.t.Errorf("%s: %s is not as it was: %s, %v", path, n.Blob, want.blob, err)
		}
		return
	}
	a, b := n.Inode.Attr, want.inode.Attr
	if a.Flags != b.Flags || a.Dtime != b.Dtime || a.Reserved3 != b.Reserved3 || a.Reserved92 != b.Reserved92 || a.FSID != b.FSID ||
		a.FileID != b.FileID || a.ContainerID != b.ContainerID {
		s.t.Errorf("%s: %+v, was %+v", path, a, b)
	}
	if !slices.Equal(n.Inode.ExtAttrs, want.inode.ExtAttrs) || fmt.Sprint(n.Inode.Unknown) != fmt.Sprint(want.inode.Unknown) {
		s.t.Errorf("%s: %v %v, was %v %v", path, n.Inode.ExtAttrs, n.Inode.Unknown, want.inode.ExtAttrs, want.inode.Unknown)
	}
}

func (s *seeing) dir(path string, n *tree.Node, want *thing) {
	s.t.Helper()
	got := map[string]clfs.ID{}
	for d, err := range s.tr.Entries(s.t.Context(), n) {
		if err != nil {
			s.t.Fatalf("%s: %v", path, err)
		}
		if string(d.Name) == "." || string(d.Name) == ".." {
			continue
		}
		got[string(d.Name)] = d.ID
		e := want.entries[string(d.Name)]
		if e == nil {
			s.t.Fatalf("%s/%s is too many", path, d.Name)
		}
		child, err := s.tr.Node(s.t.Context(), d.ID)
		if err != nil {
			s.t.Fatalf("%s/%s: %v", path, d.Name, err)
		}
		s.node(path+"/"+string(d.Name), child, e)
	}
	for name := range want.entries {
		if got[name] == "" {
			s.t.Errorf("%s/%s is missing", path, name)
		}
	}
	s.blocks(path, n)
}

// blocks lists the data segments, by block, and notes that all blobs are in use.
func (s *seeing) blocks(path string, n *tree.Node) map[uint64]clfs.ID {
	s.t.Helper()
	ids := map[uint64]clfs.ID{}
	for b, err := range s.tr.Blocks(s.t.Context(), n, 1, tree.AllBlocks) {
		if err != nil {
			s.t.Fatalf("%s: %v", path, err)
		}
		for info, err := range blob.All(s.t.Context(), s.inner, clfs.NamePrefix(b.ID)) {
			s.check(err)
			s.inner.inUse[info.Name] = true
		}
		if !b.Indirect {
			ids[b.Number] = b.ID
		}
	}
	return ids
}

func (s *seeing) file(path string, n *tree.Node, want *thing) {
	s.t.Helper()
	if n.Inode.Attr.Size != uint64(want.size) || string(n.Inode.Data) != string(want.block(0)) {
		s.t.Errorf("%s has %d bytes, want %d, or its first %d are wrong\n%v", path, n.Inode.Attr.Size, want.size, len(want.block(0)), s.log)
		return
	}
	ids := s.blocks(path, n)
	for index := range want.blocks {
		if index > 0 && ids[index] == "" && strings.Trim(string(want.blocks[index]), "\x00") != "" {
			s.t.Errorf("%s: block %d is not there", path, index)
		}
	}
	for index := range ids {
		data := make([]byte, len(want.block(index)))
		offset, _ := state.BlockRange(index)
		if got, err := s.tr.ReadAt(s.t.Context(), n, data, uint64(offset)); got != len(data) || string(data) != string(want.block(index)) {
			s.t.Errorf("%s: block %d is wrong, %v\n%v", path, index, err, s.log)
		}
	}
	for index, id := range want.segments {
		if ids[index] != id {
			s.t.Errorf("%s: block %d is %s, was %s, and nobody has changed it", path, index, ids[index], id)
		}
	}
}

// whole holds the container to be whole: everything that the root leads to is there.
func (m *adopted) whole() {
	m.t.Helper()
	tr := tree.New(m.inner, tree.Options{TempDir: m.t.TempDir()})
	defer tr.Close()
	s := &seeing{m, tr, map[clfs.ID]bool{}}
	before := maps.Clone(m.inner.inUse)
	root, err := tr.Root(m.t.Context())
	m.check(err)
	s.wholeNode("", root)
	m.inner.inUse = before
}

func (s *seeing) wholeNode(path string, n *tree.Node) {
	s.t.Helper()
	if s.seen[n.ID] {
		return
	}
	s.seen[n.ID] = true
	for index := range s.blocks(path, n) {
		if n.IsDir() {
			break
		}
		one := make([]byte, 1)
		offset, _ := state.BlockRange(index)
		if got, err := s.tr.ReadAt(s.t.Context(), n, one, uint64(offset)); got != 1 {
			s.t.Errorf("%s: block %d: %v\n%v", path, index, err, s.log)
		}
	}
	if !n.IsDir() {
		return
	}
	for d, err := range s.tr.Entries(s.t.Context(), n) {
		if err != nil {
			s.t.Fatalf("%s: %v", path, err)
		}
		if string(d.Name) == "." || string(d.Name) == ".." {
			continue
		}
		child, err := s.tr.Node(s.t.Context(), d.ID)
		if err != nil {
			s.t.Fatalf("%s/%s: %v\n%v", path, d.Name, err, s.log)
		}
		s.wholeNode(path+"/"+string(d.Name), child)
	}
}
