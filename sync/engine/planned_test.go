package engine

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

// blobOf is a version of an object.
type blobOf struct {
	id      clfs.ID
	version uint32
}

// plan returns the puts of a publication that would be made now, those of each phase
// together, and the reasons, by form and path.
func (m *mount) plan() (phases []map[blobOf]bool, reasons map[string]publish.Reason, r publish.Report) {
	m.t.Helper()
	phases, reasons = make([]map[blobOf]bool, len(publish.Phases)), map[string]publish.Reason{}
	last := publish.NewDirectories
	r, err := m.engine.PlanPublish(m.t.Context(), func(p publish.PlannedPut) error {
		if p.Phase < last {
			m.t.Errorf("phase %q comes after phase %q", p.Phase, last)
		}
		last = p.Phase
		if phases[p.Phase] == nil {
			phases[p.Phase] = map[blobOf]bool{}
		}
		phases[p.Phase][blobOf{p.Node.ID, p.Node.Version}] = true
		form := "interim "
		if p.Last {
			form = "final "
		}
		reasons[form+p.Path] = p.Reason
		return nil
	})
	m.check(err)
	return phases, reasons, r
}

// mustPublishAsPlanned wants a publication to put what its plan has, in the order of the
// phases, and to report the same.
func (m *mount) mustPublishAsPlanned(c *spy) map[string]publish.Reason {
	m.t.Helper()
	m.mustUpload()
	seq, blobs := m.journal.Seq(), c.Len()
	phases, reasons, planned := m.plan()
	if m.journal.Seq() != seq || c.Len() != blobs {
		m.t.Errorf("the plan has changed something")
	}
	var mu sync.Mutex
	var puts []blobOf
	c.after = func(name string, _ []byte) {
		mu.Lock()
		defer mu.Unlock()
		if n := nameOf(m.t, name); n.Type.IsInode() && n.ID != clfs.BucketID {
			puts = append(puts, blobOf{n.ID, n.Version})
		}
	}
	r, err := m.engine.PublishMount(m.t.Context())
	c.after = nil
	m.check(err)
	for i, want := range phases {
		got := map[blobOf]bool{}
		for _, put := range puts[:min(len(want), len(puts))] {
			got[put] = true
		}
		if puts = puts[len(got):]; !maps.Equal(got, want) {
			m.t.Errorf("phase %q puts %v, planned are %v", publish.Phases[i], got, want)
		}
	}
	if len(puts) > 0 || r.Directories != planned.Directories || r.Nodes != planned.Nodes || r.LeftOut != planned.LeftOut || r.KeptOld != planned.KeptOld {
		m.t.Errorf("reported is %+v, planned %+v; %d puts are not planned", r, planned, len(puts))
	}
	return reasons
}

func TestAPublicationPutsWhatItsPlanHas(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	m.mkdir("a", "b", "c", "d")
	for _, p := range []string{"a/x", "b/y", "c/contents", "c/mode", "c/name", "c/both", "d/removed"} {
		m.write(p, 100, 1)
	}
	first := m.mustPublishAsPlanned(c)
	if len(first) != 5 || first["final "] != "first publication" || first["final a"] != "new" {
		t.Errorf("the first plan is %v", first)
	}

	m.mkdir("new")
	m.rename("a/x", "b/x")
	m.rename("b/y", "a/y")
	m.rewrite("c/contents", []byte("new"), 3)
	m.chmod("c/mode", 0o600)
	m.link("c/name", "c/link")
	m.unlink("d/removed")
	m.mustUpload()
	m.rewrite("c/both", []byte("new"), 3)
	m.mustUpload()
	m.rename("c/both", "new/both")
	want := map[string]publish.Reason{
		"final new": "new", "final c/contents": "contents", "final c/mode": "attributes", "final c/name": "names or links",
		"final new/both": "contents, names or links", "final a/y": "names or links", "final b/x": "names or links",
		"interim a": "entries added, none removed", "interim b": "entries added, none removed", "interim c": "entries added, none removed",
		"final a": "entries moved away", "final b": "entries moved away", "final c": "entries moved away",
		"final ": "entries added", "final d": "attributes, entries renamed or removed",
	}
	if got := m.mustPublishAsPlanned(c); !maps.Equal(got, want) {
		t.Errorf("the second plan is %v", got)
	}
	m.sound()

	if phases, _, r := m.plan(); slices.ContainsFunc(phases, func(p map[blobOf]bool) bool { return p != nil }) || r.Directories+r.Nodes != 0 {
		t.Errorf("after a publication %+v is planned: %v", r, phases)
	}
}

func TestAPlanNamesWhatIsNotUploadedAndEndsWithItsReader(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("a", "b")
	m.write("a/kept", 100, 1)
	m.mustPublish()
	m.rewrite("a/kept", []byte("new"), 0)
	m.write("a/fresh", 100, 1)
	m.mkdir("c", "d")
	_, _, r := m.plan()
	if r.KeptOld != 1 || r.LeftOut != 1 || len(r.Behind) != 2 || r.Behind[0].Path != "a/kept" {
		t.Errorf("the plan says %+v", r)
	}
	puts := 0
	_, err := m.engine.PlanPublish(t.Context(), func(publish.PlannedPut) error {
		puts++
		return errEnough
	})
	if puts != 1 || !errors.Is(err, errEnough) {
		t.Errorf("after an error of its reader the plan goes on: %d puts, %v", puts, err)
	}
}
