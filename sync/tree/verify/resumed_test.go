package verify_test

import (
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
	"clfsload/sync/tree/verify"
)

var resumed = []string{treetest.GoldenResumedEarly, treetest.GoldenResumedLate}

func TestWhatAResumedCLFSLoadLeavesIsNoDamage(t *testing.T) {
	for _, name := range resumed {
		report, findings := run(t, &treetest.Builder{Container: treetest.Golden(t, name)}, verify.Options{})
		if !report.Sound() || report.Remarks[verify.KindNameRecord] != 20 || report.Remarks[verify.KindSize] < 10 {
			t.Errorf("%s: remarks %v, damage %v, want 20 names and many sizes as remarks; %v", name, report.Remarks, report.Damage, findings)
		}
	}
}

// golden is a golden container that a test breaks.
type golden struct {
	*treetest.Builder
	t     *testing.T
	names []string // of all blobs
}

func openGolden(t *testing.T, name string) golden {
	g := golden{Builder: treetest.New(t), t: t}
	g.Container = treetest.Golden(t, name)
	page, err := g.Container.List(t.Context(), "", "")
	if err != nil || page.Next != "" {
		t.Fatalf("more than a page of blobs, or %v", err)
	}
	for _, b := range page.Blobs {
		g.names = append(g.names, b.Name)
	}
	return g
}

// blob is the name of the first blob that fits.
func (g golden) blob(fits func(clfs.Name) bool) clfs.Name {
	for _, name := range g.names {
		if n, err := clfs.ParseName(name); err == nil && fits(n) {
			return n
		}
	}
	g.t.Fatal("no blob fits")
	return clfs.Name{}
}

// strayed copies a blob under an id that nothing leads to.
func (g golden) strayed(of clfs.Type) string {
	n := g.blob(func(n clfs.Name) bool { return n.Type == of && n.ID != clfs.RootID })
	data := g.Bytes(n.String())
	n.ID = n.ID[:len(n.ID)-3] + "odd"
	g.PutBytes(n.String(), data)
	return n.String()
}

// change writes an inode of the first directory, or of the first file with several
// links, that has a version.
func (g golden) change(of clfs.Type, version uint32, edit func(*object.Inode)) string {
	var in *object.Inode
	n := g.blob(func(n clfs.Name) bool {
		if n.Type != of || n.Version != version || n.ID == clfs.RootID {
			return false
		}
		in, _ = object.DecodeInode(g.Payload(n.String()))
		return in != nil && (of == clfs.TypeDirectory || len(in.BackPointers) > 1)
	})
	edit(in)
	g.PutPayload(n.String(), in.Append(nil))
	return n.String()
}

func grow(in *object.Inode) { in.Attr.Size++; in.Attr.Used++ }

func TestWhatEndsTheIndulgenceForCLFSLoad(t *testing.T) {
	foreign := func(g golden) string {
		n := clfs.ObjectName(clfs.BucketID, "", 0, clfs.FirstVersion)
		b, err := object.DecodeBucket(g.Payload(n))
		if err != nil {
			t.Fatal(err)
		}
		b.Logs = []string{"clfsload.log"}
		g.PutPayload(n, b.Append(nil))
		return ""
	}
	for _, c := range []struct {
		name, container string
		change          func(golden) string
		kind            tree.Kind
		severity        verify.Severity
	}{
		{"segment left over", resumed[0], func(g golden) string { return g.strayed(clfs.TypeSegment) }, verify.KindOrphan, verify.Remark},
		{"segment left over, the other one", resumed[1], func(g golden) string { return g.strayed(clfs.TypeSegment) }, verify.KindOrphan, verify.Remark},
		{"segment in a container that was never resumed", treetest.GoldenRaw, func(g golden) string { return g.strayed(clfs.TypeSegment) }, verify.KindOrphan, verify.Damage},
		{"inode without a name", resumed[0], func(g golden) string { return g.strayed(clfs.TypeRegular) }, verify.KindOrphan, verify.Damage},
		{"segment in a container of another program", resumed[0], func(g golden) string { foreign(g); return g.strayed(clfs.TypeSegment) }, verify.KindOrphan, verify.Damage},
		{"size in a container of another program", resumed[0], foreign, verify.KindSize, verify.Damage},
		{"name in a container of another program", resumed[0], foreign, verify.KindNameRecord, verify.Damage},
		{"size of a directory that was written once", resumed[0], func(g golden) string { return g.change(clfs.TypeDirectory, clfs.FirstVersion, grow) }, verify.KindSize, verify.Damage},
		{"name that no entry has", resumed[0], func(g golden) string {
			return g.change(clfs.TypeRegular, 12, func(in *object.Inode) { in.Name = []byte("nobody") })
		}, verify.KindNameRecord, verify.Damage},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := openGolden(t, c.container)
			object := c.change(g)
			report, findings := run(t, g.Builder, verify.Options{})
			if !named(findings, damage{kind: c.kind, severity: c.severity}, object) {
				t.Errorf("no %s %s of %q in %v", c.severity, c.kind, object, findings)
			}
			if report.Sound() != (c.severity == verify.Remark) {
				t.Errorf("damage %v", report.Damage)
			}
		})
	}
}

func TestTheEmptyIndirectBlockOfCLFSLoadIsNoDamage(t *testing.T) {
	const full = clfs.MaxDirect + 2*clfs.IndirectFanout
	for _, c := range []struct {
		count    int
		severity verify.Severity
	}{{full, verify.Remark}, {full - 1, verify.Damage}} {
		s := newSample(t)
		s.big.Sparse(c.count)
		for i := range uint64(2) {
			s.Delete(s.big.SegmentBlob(i))
		}
		leaf := s.big.EmptyLeaf()
		report, findings := run(t, s.Builder, verify.Options{})
		if report.Sound() != (c.severity == verify.Remark) || !named(findings, damage{kind: tree.KindBlockMap, severity: c.severity}, leaf) {
			t.Errorf("%d blocks: no %s about %s in %v", c.count, c.severity, leaf, findings)
		}
	}
}
