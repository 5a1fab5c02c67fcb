package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
)

// exchange lets two entries change places.
func (m *mount) exchange(one, other string) {
	m.t.Helper()
	dir, name := m.parent(one)
	toDir, toName := m.parent(other)
	_, _, err := m.journal.Rename(m.t.Context(), state.Rename{From: dir, Name: name, To: toDir, NewName: toName,
		Now: m.now(), InUse: unused2, Exchange: true})
	m.check(err)
}

// standIns publishes, and returns the stand-ins that could be seen meanwhile.
func (m *tangle) standIns() string {
	m.t.Helper()
	m.expect()
	seen := map[string]bool{}
	var list []string
	m.w.look = func(what string) {
		m.look(what)
		for _, name := range m.w.see().names {
			if !seen[name] {
				seen[name] = true
				list = append(list, name)
			}
		}
	}
	m.mustPublish()
	m.w.look = m.look
	m.sound()
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestAnEntryWhoseNameIsTakenStaysInReachUnderAStandIn(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *tangle)
		want   string
	}{
		{"two files are exchanged", func(m *tangle) { m.exchange("a/x", "b/x") },
			"/a/.clfsload-moved-1003-x /b/.clfsload-moved-1004-x"},
		{"one by one", func(m *tangle) { m.rename("a/x", "c"); m.rename("b/x", "a/x"); m.rename("c", "b/x") },
			"/a/.clfsload-moved-1003-x /b/.clfsload-moved-1004-x"},
		{"another takes the name", func(m *tangle) { m.rename("a/x", "b/y"); m.rename("b/x", "a/x") }, "/a/.clfsload-moved-1003-x"},
		{"the stand-in is taken as well", func(m *tangle) {
			m.rename("a/x", "b/y")
			m.rename("b/x", "a/x")
			m.mkdir("a/.clfsload-moved-1003-x")
		}, "/a/.clfsload-moved-1003-x /a/.clfsload-moved-1003.1-x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newTangle(t, 1)
			m.mkdir("a", "b")
			m.write("a/x", 10, 1)
			m.write("b/x", 20, 2)
			m.mustPublish()
			c.change(m)
			if got := m.standIns(); got != c.want {
				t.Errorf("stand-ins: %s, want %s", got, c.want)
			}
		})
	}
}

func TestDirectoriesThatTurnOverStayInReachUnderTheirNames(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *tangle)
	}{
		{"in the root", func(m *tangle) { m.rename("d/e", "e"); m.rename("d", "e/d") }},
		{"below", func(m *tangle) { m.rename("d/e/f", "d/f"); m.rename("d/e", "d/f/e") }},
		{"by way of a new one", func(m *tangle) {
			m.rename("d/e/f", "d/f")
			m.mkdir("d/f/new")
			m.rename("d/e", "d/f/new/e")
		}},
		{"and one is removed", func(m *tangle) {
			m.rename("d/e/f/g", "d/g")
			m.rename("d/e", "d/g/e")
			m.rmdir("d/g/e/f")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newTangle(t, 1)
			m.mkdir("d", "d/e", "d/e/f", "d/e/f/g")
			m.mustPublish()
			c.change(m)
			if got := m.standIns(); got != "" {
				t.Errorf("stand-ins: %s", got)
			}
			m.settled()
		})
	}
}

// What turns over stays in reach wherever a publication is cut off, and no loop is left when
// the next one has ended.
func TestDirectoriesThatTurnOverStayInReachWhereverAPublicationIsCutOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *tangle)
	}{
		{"two turn over", func(m *tangle) { m.rename("w/d/m", "w/m"); m.rename("w/d", "w/m/d") }},
		{"a directory that stays is on the circle", func(m *tangle) {
			m.rename("w/d", "v/d")
			m.rename("v/d/y", "v/y")
			m.rename("w", "v/y/w")
			m.rename("v/y/w", "v/d/m/w")
		}},
		{"and the root has got something", func(m *tangle) {
			m.rename("w/d", "v/d")
			m.rename("v/d/y", "y")
			m.rename("w", "y/w")
			m.rename("y/w", "v/d/m/w")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for lives := 1; cutOff(t, c.change, lives); lives++ {
			}
		})
	}
}

// cutOff lets a publication of a change die at one of its puts, and reports whether it
// came to that.
func cutOff(t *testing.T, change func(m *tangle), lives int) bool {
	m := newTangle(t, 1)
	m.mkdir("w", "v", "y", "w/d")
	m.rename("y", "w/d/y")
	m.mkdir("w/d/m")
	m.mustPublish()
	change(m)
	m.expect()
	m.oneAtATime()
	m.w.death = death{lives: lives, records: true}
	_, err := m.engine.PublishMount(t.Context())
	m.w.death = death{lives: -1}
	m.restart()
	m.oneAtATime()
	m.standIns()
	m.settled()
	return errors.Is(err, errDied)
}

// cutOffAt lets a publication fail at a directory, when the one above is recorded.
func (m *tangle) cutOffAt(dir, above string) {
	m.t.Helper()
	m.c = &refusing{m.w, m.lookup(dir).ID}
	m.restart()
	m.oneAtATime()
	if _, err := m.engine.PublishMount(m.t.Context()); !errors.Is(err, errRefused) {
		m.t.Fatalf("publication ends with %v", err)
	}
	if m.lookup(above).PutVersion == 0 {
		m.t.Fatal("the directory above is not recorded")
	}
}

// A directory that is put and not recorded may be listed by one that is recorded,
// although nothing leads there. When it comes above that, no loop must be left.
func TestANewDirectoryThatComesAboveItsFormerParentLeavesNoLoop(t *testing.T) {
	m := newTangle(t, 1)
	m.mustPublish()
	m.mkdir("a", "a/b")
	m.cutOffAt("a/b", "a")
	m.rename("a/b", "b")
	m.rename("a", "b/a")
	m.c = m.w
	m.restart()
	m.standIns()
	m.settled()
}

// A directory may have been put before one that it lists, when a publication is cut off.
// If that one is removed then, nothing must lead there before it is put again.
func TestWhatOnlyACutOffPublicationHasPutIsPutAgainBeforeAnythingLeadsThere(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d")
	m.mustPublish()
	m.mkdir("d/new", "d/new/below")
	m.cutOffAt("d/new/below", "d/new")
	m.rmdir("d/new/below")
	m.c = m.w
	m.restart()
	m.oneAtATime()
	m.standIns()
}

// A directory that was made and moved while a publication ran may be listed where it
// was by the next one: then it must not be out of reach again before it is where it is.
func TestADirectoryThatIsMovedDuringAPublicationStaysInReachInTheNext(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("a", "b", "c", "d", "e")
	m.write("c/y", 10, 1)
	m.write("e/z", 10, 2)
	m.mustPublish()
	m.chmod("d", 0o700)
	m.mustUpload()
	m.w.look = func(string) {
		m.w.look = m.look
		m.mkdir("a/n")
		m.rename("a/n", "b/n")
	}
	_, err := m.engine.PublishMount(t.Context())
	m.check(err)
	m.rename("b/n", "c/n")
	m.rename("c/y", "d/y")
	m.rename("e/z", "a/z")
	m.oneAtATime()
	m.standIns()
}

var errRefused = errors.New("refused")

// refusing refuses to put one object.
type refusing struct {
	*watched
	id clfs.ID
}

func (r *refusing) Put(ctx context.Context, name string, data []byte) error {
	if n, err := clfs.ParseName(name); err != nil || n.ID == r.id {
		return errors.Join(err, errRefused)
	}
	return r.watched.Put(ctx, name, data)
}

// A root that was put for the first time counts as published, recorded or not.
func TestARootThatWasPutAndNotRecordedKeepsEverythingInReach(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d")
	m.write("d/x", 10, 1)
	m.mustUpload()
	m.w.death = death{lives: 1, ofRoot: true, half: true}
	if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, errDied) {
		t.Fatalf("publication ends with %v", err)
	}
	m.w.death = death{lives: -1}
	m.restart()
	m.rename("d/x", "x")
	m.standIns()
}

// A name of a file that moves is listed all the time, also if the file has another name that
// stays: whoever looks for it knows nothing of that one.
func TestALinkThatMovesIsListedAllTheTime(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d", "e")
	f := m.write("d/x", 10, 1)
	m.link("d/x", "d/y")
	m.mustPublish()
	m.rename("d/x", "e/x")
	m.oneAtATime()
	m.w.look = func(what string) {
		m.look(what)
		now := published(t, m.w.Container)
		if now["/d/x"].id != f.ID && now["/e/x"].id != f.ID {
			t.Errorf("after %s neither name is listed", what)
		}
	}
	m.mustUpload()
	_, err := m.engine.PublishMount(t.Context())
	m.check(err)
	m.settled()
}
