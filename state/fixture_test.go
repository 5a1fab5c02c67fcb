package state

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
)

var testSettings = Settings{Source: "/source", Target: "dir:/target", Compression: compression.LZ4, PreserveHardlinks: true,
	DirMgrCount: 48, ContainerID: 0x1234567, FSID: 7, RootName: "source", BucketUUID: "b", MassUUID: "m", WipeUUID: "w",
	Key: clfs.Key{1, 2, 3}}

var directory = Attr{Type: clfs.TypeDirectory, Mode: 0o40755, Nlink: 2}

// newJournal returns an open journal, and its root.
func newJournal(t *testing.T) (*Journal, Inode) {
	t.Helper()
	j, err := Create(filepath.Join(t.TempDir(), "state"), testSettings, directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, row(t, j, RootIno)
}

func row(t *testing.T, j *Journal, ino Ino) Inode {
	t.Helper()
	in, err := j.Inode(t.Context(), ino)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func file(name string, size int64) Entry {
	return Entry{Name: []byte(name), Attr: Attr{Type: clfs.TypeRegular, Mode: 0o100644, Size: size, Ino: 5, Nlink: 1}}
}

func subdir(name string) Entry { return Entry{Name: []byte(name), Attr: directory} }

// link is a name of the file that has n links.
func link(name string, n uint64) Entry {
	e := file(name, 10)
	e.Attr.Dev, e.Attr.Ino, e.Attr.Nlink = 1, 77, n
	return e
}

func add(t *testing.T, j *Journal, dir Inode, entries ...Entry) {
	t.Helper()
	if err := j.AddEntries(t.Context(), dir, entries, false); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, j *Journal, uploads ...Upload) {
	t.Helper()
	if err := j.RecordUploads(t.Context(), uploads); err != nil {
		t.Fatal(err)
	}
}

func recordFailure(t *testing.T, j *Journal, n Node, p Failure) {
	t.Helper()
	if err := j.RecordFailures(t.Context(), []FailedUpload{{Node: n, Failure: p}}); err != nil {
		t.Fatal(err)
	}
}

func queued(t *testing.T, j *Journal) []Node {
	t.Helper()
	list, err := j.QueuedNodes(t.Context(), 0, 10000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// done says that a node is in the container as it was taken.
func done(n Node) Upload {
	return Upload{Node: n, Put: true, Owner: n.PutOwner, ContentsUploaded: true}
}

// lastNode returns the node that was added last.
func lastNode(t *testing.T, j *Journal) Node {
	t.Helper()
	return nodeOf(t, j, j.LastIno())
}

// renew gives a queued file other attributes.
func renew(t *testing.T, j *Journal, n Node, a Attr) Node {
	t.Helper()
	n, ok, err := j.Renew(t.Context(), n, a)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	return n
}

// unscanned lists the directories whose entries are not all known, by their numbers.
func unscanned(t *testing.T, j *Journal) (list []Ino) {
	t.Helper()
	dirs, err := j.UnscannedDirectories(t.Context(), 10000)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		list = append(list, dir.Ino)
	}
	slices.Sort(list)
	return list
}

// last returns the inode that was added last.
func last(t *testing.T, j *Journal) Inode {
	t.Helper()
	return row(t, j, j.LastIno())
}

// count runs a query for one number.
func count(j *Journal, query string) (n uint64, err error) {
	err = j.Row(context.Background(), query).Scan(&n)
	return n, err
}

// checkRows holds the ledger to the tables, and the tables to each other.
func checkRows(j *Journal) error {
	l := j.Totals()
	for _, c := range []struct {
		what  string
		query string
		want  uint64
	}{
		{"entries", `SELECT 1 + count(*) FROM dirent`, l.FoundEntries},
		{"inodes", `SELECT count(*) FROM inode WHERE state <> {removed}`, l.FoundInodes},
		{"bytes", `SELECT coalesce(sum(size), 0) FROM inode WHERE type = {regular} AND state <> {removed}`, l.FoundBytes},
		{"done inodes", `SELECT count(*) FROM inode WHERE state = {done}`, l.DoneInodes},
		{"done bytes", `SELECT coalesce(sum(size), 0) FROM inode WHERE state = {done} AND type = {regular}`, l.DoneBytes},
		{"failures", `SELECT count(*) FROM failure`, l.Failures},
		{"numbers at or past the next", fmt.Sprintf(`SELECT count(*) FROM inode WHERE ino > %d`, j.LastIno()), 0},
		{"handles", `SELECT count(DISTINCT handle) FROM inode WHERE state <> {removed}`, l.FoundInodes},
		{"failed inodes without a failure", `SELECT count(*) FROM inode WHERE state = {failed} AND ino NOT IN (SELECT ino FROM failure WHERE ino IS NOT NULL)`, 0},
		{"wrong link counts", `SELECT count(*) FROM inode i WHERE type <> {directory} AND links <> (SELECT count(*) FROM dirent d WHERE d.ino = i.ino)`, 0},
		{"wrong link counts of directories", `SELECT count(*) FROM inode i WHERE type = {directory} AND state <> {removed} AND links <> 2 + (SELECT count(*)
			FROM dirent d JOIN inode b ON b.ino = d.ino AND b.type = {directory} WHERE d.parent = i.ino)`, 0},
		{"inodes without their first name", `SELECT count(*) FROM inode i WHERE ino > 1 AND state <> {removed} AND NOT EXISTS
			(SELECT 1 FROM dirent d WHERE d.parent = i.parent AND d.name = i.name AND d.ino = i.ino)`, 0},
		{"links that wait for others and have all", `SELECT count(*) FROM inode i JOIN source_link s ON s.ino = i.ino WHERE state = {linking} AND links >= expect`, 0},
		{"directories to be listed that are none", `SELECT count(*) FROM unscanned WHERE dir NOT IN (SELECT ino FROM inode WHERE type = {directory} AND state <> {removed})`, 0},
	} {
		got, err := count(j, c.query)
		if err != nil {
			return err
		}
		if got != c.want {
			return fmt.Errorf("%s: the tables say %d, want %d", c.what, got, c.want)
		}
	}
	return nil
}
