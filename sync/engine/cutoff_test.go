package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
)

// afterPowerCut goes on with STATE as a power cut leaves it that comes now: nothing is lost
// that was synced, and everything else is.
func (m *mount) afterPowerCut() {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "state")
	m.check(os.CopyFS(dir, os.DirFS(m.dir)))
	m.check(os.Chmod(dir, 0o700))
	var boot string
	var salt uint64
	var written, synced int64
	note := filepath.Join(dir, "journal.log-end")
	text, err := os.ReadFile(note)
	m.check(err)
	_, err = fmt.Sscanf(string(text), "%s %x %x %x", &boot, &salt, &written, &synced)
	m.check(err)
	m.check(os.Remove(note))
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	m.check(err)
	m.check(os.Truncate(logs[0], synced))
	m.check(m.journal.Close())
	m.dir = dir
	j, err := state.Open(dir)
	m.check(err)
	_, err = j.Recover(m.t.Context(), true, func(state.Ino) (int64, int64, bool) { return 0, 0, false })
	m.check(err)
	m.use(j)
}

// What was recorded between the two puts of a directory must not be lost in a power cut: the
// next publication would take the number of the first put again, and readers would go on with
// the second one.
func TestAPowerCutAfterTheTwoPutsOfADirectoryDoesNotBringBackItsVersion(t *testing.T) {
	for _, back := range []bool{false, true} {
		m := newTangle(t, 1)
		m.mkdir("d", "a", "b", "c")
		m.write("a/x", 10, 1)
		m.write("c/g", 10, 2)
		m.write("d/z", 10, 3)
		m.mustPublish()
		m.rename("a/x", "b/x")
		m.rename("c/g", "a/g")
		m.mustUpload()
		a := m.lookup("a")
		m.oneAtATime()
		m.w.look = func(what string) {
			m.look(what)
			n, err := clfs.ParseName(strings.TrimPrefix(what, "put "))
			if err == nil && n.ID == a.ID && n.Version == a.Version+1 {
				m.w.lives = 0 // the power is cut, just after the second put
			}
		}
		m.expect()
		if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, errDied) {
			t.Fatalf("publication ends with %v", err)
		}
		m.w.look = m.look
		m.w.death = death{lives: -1}
		m.afterPowerCut()
		m.oneAtATime()
		if back {
			m.rename("b/x", "a/x")
		}
		m.rename("d/z", "a/z")
		m.standIns()
		m.settled()
	}
}

// A file that replaced another one may be in reach by the number of a publication that was cut
// off before anything listed it. Then the other one stays for whatever replaces it.
func TestAFileThatWasReplacedOutlivesASuccessorThatIsListedNowhere(t *testing.T) {
	m := newTangle(t, 1)
	m.mkdir("d", "x")
	first := m.write("d/f", 10, 1)
	m.mustPublish()
	second := m.add("d/tmp", clfs.TypeRegular, "")
	m.open(second.Ino)
	m.rename("d/tmp", "d/f")
	m.mkdir("e")
	m.rename("d/f", "e/g")
	m.closeFile(second.Ino)
	m.mustUpload()
	m.w.death = death{lives: 2}
	if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, errDied) {
		t.Fatalf("publication ends with %v", err)
	}
	m.w.death = death{lives: -1}
	m.restart()
	m.open(m.add("e/tmp", clfs.TypeRegular, "").Ino) // is not uploaded
	m.rename("e/tmp", "e/g")
	m.rename("e/g", "x/h")
	m.rmdir("e")
	_, err := m.engine.PublishMount(t.Context())
	m.check(err)
	if _, found := m.w.see().data[first.ID]; !found {
		t.Error("nothing is found of what was published")
	}
}
