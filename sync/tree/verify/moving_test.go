package verify_test

import (
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/verify"
)

// open gives the container a mark that is open.
func (s *sample) open(by string) {
	b := object.Bucket{UUID: "33333333-3333-4333-8333-333333333333",
		Mark: &object.Mark{ID: "m", Publication: 7, Time: "2026-11-29T20:00:00Z", State: "host:/state", Open: by}}
	s.PutPayload(clfs.ObjectName(clfs.BucketID, "", 0, clfs.FirstVersion), b.Append(nil))
}

// A publication that is cut off may leave an entry in two places, and directories in a loop.
// That is damage only if no mount will go on with it.
func TestWhatAPublicationMovesIsDamageOnlyInAClosedContainer(t *testing.T) {
	for name, c := range map[string]struct {
		kind tree.Kind
		make func(s *sample)
	}{
		"a loop": {tree.KindLoop, func(s *sample) {
			s.sub.Inode.Attr.Nlink++
			s.rewriteDir(s.sub, object.Dirent{Name: []byte("up"), ID: s.dir.ID})
		}},
		"a directory in two places": {tree.KindLoop, func(s *sample) {
			s.rewriteDir(s.Root, object.Dirent{Name: []byte("moved"), ID: s.sub.ID})
			s.Root.Inode.Attr.Nlink++
			s.Root.Put()
		}},
		"a file in two places": {verify.KindBackPointer, func(s *sample) {
			s.rewriteDir(s.sub, object.Dirent{Name: []byte("moved"), ID: s.file.ID})
		}},
		"a linked file in a further place": {verify.KindBackPointer, func(s *sample) {
			s.rewriteDir(s.sub, object.Dirent{Name: []byte("third"), ID: s.linked.ID})
		}},
	} {
		for _, by := range []string{"", object.OpenLoad, object.OpenMount} {
			t.Run(name+", open by "+by, func(t *testing.T) {
				s := newSample(t)
				c.make(s)
				s.open(by)
				report, findings := run(t, s.Builder, verify.Options{})
				counts := report.Damage
				if by == object.OpenMount {
					counts = report.Remarks
				}
				if report.Sound() != (by == object.OpenMount) || counts[c.kind] == 0 || (report.Remarks[verify.KindOpen] > 0) != (by != "") {
					t.Errorf("findings %v", findings)
				}
			})
		}
	}
}

func TestDamageThatNoPublicationLeavesIsDamageInAnOpenContainerToo(t *testing.T) {
	for _, d := range damages {
		switch {
		case d.severity == verify.Remark:
			continue
		case d.kind == tree.KindMissing, d.kind == tree.KindRecords, d.kind == verify.KindLinkCount, d.kind == verify.KindDuplicate:
			t.Run(d.name, func(t *testing.T) {
				s := newSample(t)
				d.make(s)
				s.open(object.OpenMount)
				if report, findings := run(t, s.Builder, verify.Options{}); report.Sound() {
					t.Errorf("findings %v", findings)
				}
			})
		}
	}
}
