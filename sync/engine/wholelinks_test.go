package engine

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"

	"clfsload/clfs"
	"clfsload/state"
)

// link is an entry that was published under a name.
type link struct {
	id     clfs.ID
	places []entryPlace // where it was since; the last one: where it is
}

type entryPlace struct {
	dir  clfs.ID
	name string
}

// succeed notes that a file has lost its last name to another one.
func (m *tangle) succeed(old state.Node, successor state.Ino) {
	reach := m.journal.InReach(&old)
	for id, s := range m.replaced {
		switch {
		case s == old.Ino && reach && !m.journal.Publishing():
			delete(m.replaced, id)
		case s == old.Ino:
			m.replaced[id] = successor
		}
	}
	if reach {
		m.replaced[old.ID] = successor
	}
}

func (l *link) now() entryPlace { return l.places[len(l.places)-1] }

func (m *tangle) placeOf(dir state.Ino, name []byte) entryPlace {
	n, err := m.journal.Node(m.t.Context(), dir)
	m.check(err)
	return entryPlace{n.ID, string(name)}
}

// moveLinks notes that an entry has gone from one place to another, or that two have changed places.
func (m *tangle) moveLinks(from, to entryPlace, exchange bool) {
	if from == to {
		return
	}
	if !exchange {
		m.dropLink(to)
	}
	for _, l := range m.links {
		switch l.now() {
		case from:
			l.places = append(l.places, to)
		case to:
			l.places = append(l.places, from)
		}
	}
}

func (m *tangle) dropLink(at entryPlace) {
	m.links = slices.DeleteFunc(m.links, func(l *link) bool { return l.now() == at })
}

// forgetLinks drops those without an id.
func (m *tangle) forgetLinks() {
	m.links = slices.DeleteFunc(m.links, func(l *link) bool { return l.id == "" })
}

// entries are all entries of the mount.
func (m *tangle) entries() (all map[entryPlace]clfs.ID, dirs map[clfs.ID]bool) {
	all, dirs = map[entryPlace]clfs.ID{}, map[clfs.ID]bool{clfs.RootID: true}
	list, _ := m.places()
	for _, p := range list {
		all[m.placeOf(p.dir, p.name)] = p.node.ID
		if p.node.IsDirectory() {
			dirs[p.node.ID] = true
		}
	}
	return all, dirs
}

// listLinks notes where everything is at the end of a publication.
func (m *tangle) listLinks() {
	all, _ := m.entries()
	known := map[entryPlace]bool{}
	for _, l := range m.links {
		if m.w.listing(l.now().dir)[l.now().name] == l.id {
			l.places = []entryPlace{l.now()}
		}
		known[l.now()] = true
	}
	for at, id := range all {
		if !known[at] && m.w.listing(at.dir)[at.name] == id {
			m.links = append(m.links, &link{id, []entryPlace{at}})
		}
	}
}

// checkLinks holds entries to be listed where they were or where they are.
func (m *tangle) checkLinks(what string) {
	listings := map[clfs.ID]map[string]clfs.ID{}
	find := func(p entryPlace) map[string]clfs.ID {
		if _, known := listings[p.dir]; !known {
			listings[p.dir] = m.w.listing(p.dir)
		}
		return listings[p.dir]
	}
	for _, l := range m.links {
		found := false
		for _, p := range l.places {
			for name, id := range find(p) {
				if id == l.id && (name == p.name || strings.HasPrefix(name, ".clfsload-moved-") && strings.HasSuffix(name, "-"+p.name)) {
					found = true
				}
			}
		}
		if !found {
			m.t.Errorf("after %s: %s is listed nowhere of %v", what, l.id, l.places)
		}
	}
}

// keepReplaced makes files stay in reach that were replaced by files which are not uploaded.
func (m *tangle) keepReplaced(seen map[clfs.ID]string) {
	_, dirs := m.entries()
	for id, ino := range m.replaced {
		n, err := m.journal.Node(m.t.Context(), ino)
		if err != nil || n.State == state.Removed || n.PutVersion != 0 {
			delete(m.replaced, id)
			continue
		}
		for dir := range dirs {
			if _, ok := seen[dir]; !ok {
				continue
			}
			for _, listed := range m.w.listing(dir) {
				if listed == id {
					m.required[id], m.existing[id] = true, true
				}
			}
		}
	}
}

// writeCutOff writes files again whose writer was cut off.
func (m *tangle) writeCutOff() {
	list, _ := m.places()
	for _, p := range list {
		if p.node.Flags&state.Incomplete != 0 {
			m.change(p)
		}
	}
}

// powerCut is the end of the process and of what is not synced.
func (m *tangle) powerCut() {
	m.t.Helper()
	m.mount.afterPowerCut()
	m.engine.options.Concurrency = 1
	list, _ := m.places()
	for _, p := range list {
		if p.node.Attr.Type == clfs.TypeRegular {
			m.had(p.node.ID, "")
		}
	}
	m.writeCutOff()
	all, _ := m.entries()
	for _, l := range m.links {
		i := len(l.places) - 1
		for i >= 0 && all[l.places[i]] != l.id {
			i--
		}
		if i < 0 {
			l.id = ""
			continue
		}
		l.places = append(l.places, l.places[i])
	}
	m.forgetLinks()
	clear(m.replaced)
}

// closeAll ends all writing.
func (m *tangle) closeAll() {
	list, _ := m.places()
	for _, p := range list {
		if p.node.Flags&state.Opened != 0 {
			m.closeFile(p.node.Ino)
		}
	}
}

// nothingLeft holds the journal to have no rows of what is gone.
func (m *tangle) nothingLeft() {
	m.t.Helper()
	m.check(m.journal.Close())
	db, err := sql.Open("sqlite3", filepath.Join(m.dir, "journal.sqlite"))
	m.check(err)
	defer db.Close()
	for _, q := range []string{`SELECT count(*) FROM tombstone`, `SELECT count(*) FROM garbage`, `SELECT count(*) FROM inode WHERE state = 7`,
		`SELECT count(*) FROM block WHERE ino NOT IN (SELECT ino FROM inode)`, `SELECT count(*) FROM image`,
		`SELECT count(*) FROM dirent WHERE ino NOT IN (SELECT ino FROM inode) OR parent NOT IN (SELECT ino FROM inode WHERE state <> 7)`} {
		var n int
		m.check(db.QueryRow(q).Scan(&n))
		if n != 0 {
			m.t.Errorf("%s: %d", q, n)
		}
	}
	j, err := state.Open(m.dir)
	m.check(err)
	m.journal = j
}
