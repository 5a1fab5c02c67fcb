package engine

import (
	"fmt"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
)

// Two names of one inode whose stand-ins must be cut differ at the end only.
func TestStandInsOfLongNamesDiffer(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d", "e")
	one, two := strings.Repeat("n", 254)+"1", strings.Repeat("n", 254)+"2"
	m.write("d/"+one, 10, 1)
	m.link("d/"+one, "d/"+two)
	m.mustPublish()
	m.rename("d/"+one, "e/1")
	m.rename("d/"+two, "e/2")
	m.write("d/"+one, 10, 2)
	m.write("d/"+two, 10, 3)
	if got := strings.Fields(m.standIns()); len(got) != 2 {
		t.Errorf("stand-ins: %q", got)
	}
	m.settled()
}

// Many tombstones, whose names are taken, over several pages and segments, and cut-off publications.
func TestManyEntriesThatMoveStayInReachWhereverPublicationsAreCutOff(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d", "e", "z")
	d, e := m.lookup("d").Ino, m.lookup("e").Ino
	name := func(i int) []byte { return fmt.Appendf(nil, "%0200d", i) }
	add := func(dir state.Ino, i int) {
		now := m.now()
		_, err := m.journal.Add(t.Context(), state.Addition{Dir: dir, Name: name(i),
			Attr: state.Attr{Type: clfs.TypeFIFO, Mode: 0o10600, Mtime: now, Ctime: now, Atime: now}})
		m.check(err)
	}
	for i := range 3000 {
		add(d, i)
	}
	m.mustUpload()
	m.w.look = func(string) {}
	m.mustPublish()
	all := m.w.listing(m.lookup("d").ID)
	if len(all) != 3000 {
		t.Fatalf("%d entries are published", len(all))
	}
	for i := range 1100 {
		_, _, err := m.journal.Rename(t.Context(), state.Rename{From: d, Name: name(i * 2), To: e, NewName: name(i * 2),
			Now: m.now(), InUse: unused2})
		m.check(err)
		if i%2 == 0 {
			add(d, i*2)
		}
	}
	m.mustUpload()
	for round := range 6 {
		dID, eID := m.lookup("d").ID, m.lookup("e").ID
		m.w.look = func(what string) {
			if !strings.HasPrefix(what, "put ") || !(strings.Contains(what, ".0002.")) {
				return
			}
			inD, inE := m.w.listing(dID), m.w.listing(eID)
			found := map[clfs.ID]bool{}
			for _, id := range inD {
				found[id] = true
			}
			for _, id := range inE {
				found[id] = true
			}
			for _, id := range all {
				if !found[id] {
					t.Fatalf("after %s: %s is listed nowhere", what, id)
				}
			}
		}
		if round < 5 {
			m.w.death = death{lives: 3 + round*3, half: round%2 == 0, records: round%3 == 0}
		}
		_, err := m.engine.PublishMount(t.Context())
		m.w.death = death{lives: -1}
		if err != nil {
			m.w.look = func(string) {}
			if round == 2 {
				m.afterPowerCut()
			} else {
				m.restart()
			}
		}
	}
	m.w.look = func(string) {}
	m.mustPublish()
	m.sound()
	m.settled()
	m.nothingLeft()
}
