package state

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state/schema"
)

// adoption is a journal that has adopted a container, of which a test says what is read.
type adoption struct {
	t *testing.T
	j *Journal
}

func newAdoption(t *testing.T) *adoption {
	t.Helper()
	s := testSettings
	s.Kind, s.Adopted, s.Range = KindMount, true, 1
	root := AdoptedNode{Attr: directory, Version: 20, Owner: clfs.RootID.Hash()}
	j, err := Adopt(filepath.Join(t.TempDir(), "state"), s, Adoption{Root: root, Publication: 3, MarkID: "mark"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &adoption{t, j}
}

func (a *adoption) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// idOf is an id of the container with a number.
func idOf(typ clfs.Type, number uint64) clfs.ID {
	return clfs.Handle{ContainerID: testSettings.ContainerID & clfs.ContainerIDMask, Type: typ, Sequence: number, Random: 77}.ID()
}

func fileID(number uint64) clfs.ID { return idOf(clfs.TypeRegular, number) }
func dirID(number uint64) clfs.ID  { return idOf(clfs.TypeDirectory, number) }

// in is an entry, whose type is that of its id.
func in(name string, id clfs.ID) AdoptedEntry {
	e := AdoptedEntry{Name: []byte(name), ID: id, Type: clfs.TypeRegular}
	if h, err := clfs.ParseHandle(id); err == nil {
		e.Type = h.Type
	}
	return e
}

// page adopts entries, and list all of a directory.
func (a *adoption) page(dir Ino, entries ...AdoptedEntry) {
	a.t.Helper()
	a.check(a.j.AdoptEntries(a.t.Context(), dir, entries))
}

func (a *adoption) list(dir Ino, entries ...AdoptedEntry) {
	a.t.Helper()
	a.page(dir, entries...)
	a.check(a.j.EndListing(a.t.Context(), dir))
}

// read adopts the attributes of a node with back pointers.
func (a *adoption) read(ino Ino, back ...clfs.ID) Node {
	a.t.Helper()
	n := nodeOf(a.t, a.j, ino)
	attr := n.Attr
	attr.Size = 3 * clfs.SegmentBytes
	if n.IsDirectory() {
		attr = directory
	}
	a.check(a.j.AdoptNode(a.t.Context(), ino, AdoptedNode{Attr: attr, Version: 12, Owner: 99, Back: back}))
	return nodeOf(a.t, a.j, ino)
}

func (a *adoption) find(dir Ino, name string) Node {
	a.t.Helper()
	n, err := a.j.Lookup(a.t.Context(), dir, []byte(name))
	a.check(err)
	return n
}

// unread is what a change was refused for.
func unread(t *testing.T, err error) Unread {
	t.Helper()
	var u *Unread
	if !errors.As(err, &u) {
		t.Fatalf("%v, want the refusal of what was not read", err)
	}
	return *u
}

// adoptedTables are those that only a journal which has adopted a container uses.
const adoptedTables = `SELECT * FROM backlink ORDER BY ino, dir;SELECT * FROM odd_id ORDER BY id;SELECT * FROM listing ORDER BY dir`

func (a *adoption) dump() string {
	a.t.Helper()
	var b strings.Builder
	for query := range strings.SplitSeq(adoptedTables, ";") {
		dumpRows(a.t, a.j, query, &b)
	}
	return dump(a.t, a.j) + b.String()
}

// sound holds the tables to each other.
func (a *adoption) sound() {
	a.t.Helper()
	(&mountWalk{t: a.t, j: a.j}).checkTotals()
	for what, query := range map[string]string{
		"entries without an inode": `SELECT count(*) FROM dirent d WHERE NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = d.ino AND i.state <> {removed})`,
		"entries of what is no directory": fmt.Sprintf(`SELECT count(*) FROM dirent d WHERE NOT EXISTS
			(SELECT 1 FROM inode i WHERE i.ino = d.parent AND i.state <> {removed} AND i.type = %d)`, clfs.TypeDirectory),
		"inodes without their first name": `SELECT count(*) FROM inode i WHERE i.state <> {removed} AND i.ino > 1
			AND NOT EXISTS (SELECT 1 FROM dirent d WHERE d.parent = i.parent AND d.name = i.name AND d.ino = i.ino)`,
		"links that are not counted": fmt.Sprintf(`SELECT count(*) FROM inode i WHERE i.state NOT IN (7, %d) AND i.type <> %d AND i.links <>
			(SELECT count(*) FROM dirent d WHERE d.ino = i.ino) + (SELECT coalesce(sum(count), 0) FROM backlink b WHERE b.ino = i.ino)`, Remote, clfs.TypeDirectory),
		"links that are not marked as shared": fmt.Sprintf(`SELECT count(*) FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
			WHERE d.shared IS NULL AND i.type <> %d AND (i.links > 1 OR (SELECT count(*) FROM dirent o WHERE o.ino = d.ino) > 1)`, clfs.TypeDirectory),
		"links of directories": fmt.Sprintf(`SELECT count(*) FROM inode i WHERE i.type = %[1]d AND i.state NOT IN (7, %[2]d) AND NOT i.flags & %[3]d AND i.links <> 2 +
			(SELECT count(*) FROM dirent d CROSS JOIN inode b ON b.ino = d.ino WHERE d.parent = i.ino AND b.type = %[1]d)`, clfs.TypeDirectory, Remote, Unlisted),
		"blocks of clean files of another program": fmt.Sprintf(`SELECT count(*) FROM block b CROSS JOIN inode i ON i.ino = b.ino
			WHERE i.state = %d AND i.flags & %d AND NOT i.flags & %d`, Done, BaseMap, Content),
		"blocks without an inode":  `SELECT count(*) FROM block b WHERE NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = b.ino)`,
		"odd ids without an inode": `SELECT count(*) FROM odd_id o WHERE NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = o.ino AND i.handle = o.id)`,
		"links to be read of what has none": `SELECT count(*) FROM backlink b WHERE NOT EXISTS
			(SELECT 1 FROM inode i WHERE i.ino = b.ino)`,
		"links to be read in a directory that was read": fmt.Sprintf(`SELECT count(*) FROM backlink b CROSS JOIN inode i ON i.handle = b.dir
			WHERE b.count > 0 AND i.state NOT IN (7, %d) AND NOT i.flags & %d`, Remote, Unlisted),
		"listings of what is not listed": fmt.Sprintf(`SELECT count(*) FROM listing l WHERE NOT EXISTS (SELECT 1 FROM inode i WHERE i.ino = l.dir AND NOT i.flags & %d)`, Unlisted),
		"handles that stand twice":       `SELECT count(*) - count(DISTINCT handle) FROM inode`,
	} {
		if n, err := count(a.j, query); err != nil || n > 0 {
			a.t.Errorf("%d %s, %v", n, what, err)
		}
	}
}

func TestEntriesHaveTheNumbersOfTheirIDs(t *testing.T) {
	a := newAdoption(t)
	own := a.j.Settings.OwnNumbers().First
	other := clfs.Handle{ContainerID: 5, Type: clfs.TypeRegular, Sequence: 5000, Random: 1}.ID()
	taken := clfs.Handle{ContainerID: testSettings.ContainerID & clfs.ContainerIDMask, Type: clfs.TypeRegular, Sequence: 2000, Random: 78}.ID()
	entries := []AdoptedEntry{
		in("usual", fileID(2000)), in("directory", dirID(3000)), in("other container", other), in("number taken", taken),
		in("own number", fileID(uint64(own)+5)), in("small", fileID(999)), in("large", fileID(1<<62)), in("short", clfs.ID("an id")),
		in("uuid", clfs.ID("0123456789abcdef")), in("longest", clfs.ID(strings.Repeat("x", clfs.MaxIDBytes))), in("null", clfs.NullBlock),
	}
	a.list(RootIno, entries...)
	for i, want := range []Ino{2000, 3000, own, own + 1, own + 2, own + 3, own + 4, own + 5, own + 6, own + 7, own + 8} {
		n := a.find(RootIno, string(entries[i].Name))
		if n.Ino != want || n.ID != entries[i].ID || n.State != Remote || n.Flags&Adopted == 0 {
			t.Errorf("%s: inode %d, %s in state %d, want %d", entries[i].Name, n.Ino, n.ID, n.State, want)
		}
		if found, err := a.j.NodeOf(t.Context(), n.ID); err != nil || found.Ino != n.Ino {
			t.Errorf("%s: id leads to %d, %v", entries[i].Name, found.Ino, err)
		}
	}
	added := addNode(t, a.j, RootIno, "new", regular)
	if added.Ino != own+9 {
		t.Errorf("a new inode is %d", added.Ino)
	}
	a.sound()
}

// Two ids may ask for one number. Who has got another one keeps it, also when the number is free.
func TestANumberThatWasFoundTakenStaysAnothers(t *testing.T) {
	a := newAdoption(t)
	first, second := fileID(2000), clfs.Handle{ContainerID: testSettings.ContainerID & clfs.ContainerIDMask, Type: clfs.TypeRegular, Sequence: 2000, Random: 9}.ID()
	entries := []AdoptedEntry{in("first", first), in("second", second)}
	a.list(RootIno, entries...)
	odd := a.find(RootIno, "second").Ino
	if d := a.drop(RootIno, odd); d.Count != 1 {
		t.Fatalf("dropped %+v", d)
	}
	if n, err := a.j.NodeOf(t.Context(), second); err != nil || n.Ino != odd {
		t.Errorf("the id leads to %d, %v", n.Ino, err)
	}
	a.list(RootIno, entries...)
	if n := nodeOf(t, a.j, RootIno); n.Flags&Unfaithful != 0 || a.find(RootIno, "second").Ino != odd || a.find(RootIno, "first").Ino != 2000 {
		t.Errorf("flags %b, inodes %d and %d", n.Flags, a.find(RootIno, "first").Ino, a.find(RootIno, "second").Ino)
	}
	a.sound()
}

// A page may be adopted again when the process died before the directory was done.
func TestAPageThatIsAdoptedAgainChangesNothing(t *testing.T) {
	a := newAdoption(t)
	odd := clfs.ID("0123456789abcdef")
	entries := []AdoptedEntry{in("a", fileID(2000)), in("b", odd), in("c", fileID(2000)), in("d", dirID(3000)), in("e", fileID(2001))}
	a.page(RootIno, entries[:3]...)
	a.j = openedImage(t, image(t, a.j))
	before := a.dump()
	a.page(RootIno, entries[:3]...)
	if after := a.dump(); after != before {
		t.Errorf("it changed\n%s", firstDifference(after, before))
	}
	a.list(RootIno, entries...)
	list, err := a.j.List(t.Context(), RootIno, 2, 100)
	a.check(err)
	var names []string
	for _, l := range list {
		names = append(names, string(l.Name))
	}
	if !slices.Equal(names, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("entries %q", names)
	}
	a.sound()
}

func TestADirectoryIsReadOnce(t *testing.T) {
	a := newAdoption(t)
	a.list(RootIno, in("a", fileID(2000)))
	before := a.dump()
	a.list(RootIno, in("b", fileID(2001)))
	if after := a.dump(); after != before {
		t.Errorf("it changed\n%s", firstDifference(after, before))
	}
}

func TestADirectoryThatAListingOfOursWouldLoseSomethingOfIsNotChanged(t *testing.T) {
	for name, entries := range map[string][]AdoptedEntry{
		"twice":               {in("a", fileID(2000)), in("a", fileID(2001))},
		"empty":               {in("", fileID(2000))},
		"slash":               {in("a/b", fileID(2000))},
		"nul":                 {in("a\x00", fileID(2000))},
		"dot":                 {in(".", fileID(2000))},
		"dots":                {in("..", fileID(2000))},
		"long":                {in(strings.Repeat("x", 256), fileID(2000))},
		"the root":            {in("root", clfs.RootID)},
		"directory elsewhere": {in("a", dirID(3000)), in("b", dirID(3000))},
	} {
		a := newAdoption(t)
		a.list(RootIno, append(entries, in("good", fileID(2500)))...)
		if _, err := a.j.Add(t.Context(), Addition{Dir: RootIno, Name: []byte("x"), Attr: regular}); !errors.Is(err, ErrUnfaithful) {
			t.Errorf("%s: add: %v", name, err)
		}
		a.read(2500, clfs.RootID)
		if _, err := a.j.Unlink(t.Context(), RootIno, []byte("good"), 1, nil); !errors.Is(err, ErrUnfaithful) {
			t.Errorf("%s: unlink: %v", name, err)
		}
		if _, err := a.j.SetAttr(t.Context(), 2500, Change{Ctime: 1}); err != nil {
			t.Errorf("%s: change of a file in it: %v", name, err)
		}
		a.sound()
	}
}

// A directory in which files were made is read again when its other entries were dropped.
func TestADirectoryWithOwnFilesIsReadAgain(t *testing.T) {
	a := newAdoption(t)
	entries := []AdoptedEntry{in("a", fileID(2000))}
	a.list(RootIno, entries...)
	added := addNode(t, a.j, RootIno, "new", regular)
	a.published()
	if d := a.drop(RootIno); d.Count != 1 {
		t.Fatalf("%d entries were dropped", d.Count)
	}
	a.list(RootIno, append(entries, in("new", added.ID))...)
	if _, err := a.j.Add(t.Context(), Addition{Dir: RootIno, Name: []byte("newer"), Attr: regular}); err != nil {
		t.Error(err)
	}
	a.sound()
}

// published makes all directories clean, as a publication does.
func (a *adoption) published() {
	a.t.Helper()
	ctx := a.t.Context()
	snap, err := a.j.BeginPublish(ctx, false)
	a.check(err)
	defer snap.Close()
	list, err := a.j.Nodes(ctx, `SELECT `+schema.NodeColumns+` FROM inode WHERE state IN ({queued}, {held}, {dirty}, {sealed})`)
	a.check(err)
	var puts []Put
	for _, n := range list {
		if !n.IsDirectory() {
			a.check(a.j.Settle(ctx, []Settled{{Ino: n.Ino, Seq: n.Seq}}))
			n = nodeOf(a.t, a.j, n.Ino)
			a.check(a.j.RecordUploads(ctx, []Upload{{Node: n, Put: !a.j.InReach(&n), Owner: 1, ContentsUploaded: true, Image: []byte("image")}}))
			if n = nodeOf(a.t, a.j, n.Ino); n.State != Sealed {
				continue
			}
		}
		puts = append(puts, Put{Node: n, Owner: 1, Blocks: 1, Snapshot: a.j.Seq(), Final: true, Complete: true})
	}
	a.check(a.j.RecordPuts(ctx, puts))
	a.check(a.j.EndPublish(ctx, a.j.Seq()))
}

func (a *adoption) drop(dir Ino, inUse ...Ino) Dropped {
	a.t.Helper()
	d, err := a.j.DropEntries(a.t.Context(), dir, nil, func(ino Ino) bool { return slices.Contains(inUse, ino) })
	a.check(err)
	a.sound()
	return d
}

// A directory stays while something below it stays: because it is in use, or because the process
// died while the directory was read.
func TestADirectoryStaysWhileSomethingBelowItIsKnown(t *testing.T) {
	for _, id := range []clfs.ID{dirID(3000), clfs.ID("0123456789abcdef")} {
		for _, cutOff := range []bool{false, true} {
			a := newAdoption(t)
			d := in("d", id)
			d.Type = clfs.TypeDirectory
			root := []AdoptedEntry{d, in("link", fileID(2000)), in("other", fileID(2001))}
			a.list(RootIno, root...)
			dir := a.find(RootIno, "d").Ino
			a.read(dir)
			below := []AdoptedEntry{in("x", fileID(2000)), in("y", fileID(2002))}
			a.page(dir, below...)
			if !cutOff {
				a.list(dir)
				a.drop(dir, 2000)
			}
			a.drop(RootIno)
			a.list(RootIno, root...)
			if again := a.find(RootIno, "d"); again.Ino != dir || again.State != Done {
				t.Errorf("the directory is inode %d in state %d", again.Ino, again.State)
			}
			a.list(dir, below...)
			if n := a.read(2000, clfs.RootID, id); n.Links != 2 {
				t.Errorf("the file has %d links", n.Links)
			}
			a.sound()
		}
	}
}

// The names of blobs follow from generations. Those that were used stay used when a node was
// dropped and is read again.
func TestWhatIsReadAgainTakesNoGenerationAgain(t *testing.T) {
	a := newAdoption(t)
	entries := []AdoptedEntry{in("f", fileID(2000)), in("d", dirID(3000))}
	a.list(RootIno, entries...)
	a.read(2000, clfs.RootID)
	a.read(3000)
	a.list(3000)
	a.sound()
	used := map[Ino]uint64{}
	for range 4 {
		a.overwrite(2000)
		a.change(3000)
		for _, ino := range []Ino{2000, 3000} {
			n := nodeOf(t, a.j, ino)
			if n.Next <= used[ino] {
				t.Errorf("inode %d takes the generation %d after %d", ino, n.Next, used[ino])
			}
			used[ino] = n.Next
		}
		snap, err := a.j.BeginPublish(t.Context(), false)
		a.check(err)
		for range 20 { // attempts that are cut off
			_, err = a.j.Reserve(t.Context(), nodeOf(t, a.j, 3000), 5, true)
			a.check(err)
		}
		used[3000] = nodeOf(t, a.j, 3000).Next
		a.check(snap.Close())
		a.published()
		a.evict(2000)
		if d := a.drop(RootIno); d.Count != 2 {
			t.Fatalf("%d entries were dropped", d.Count)
		}
		a.list(RootIno, entries...)
		a.read(2000, clfs.RootID)
		a.read(3000)
		a.list(3000)
	}
}

func (a *adoption) evict(ino Ino) {
	a.t.Helper()
	gone, err := a.j.Evict(a.t.Context(), []Settled{{Ino: ino, Seq: nodeOf(a.t, a.j, ino).Seq}})
	a.check(err)
	if len(gone) != 1 {
		a.t.Fatalf("inode %d cannot be evicted: %+v", ino, nodeOf(a.t, a.j, ino))
	}
}
