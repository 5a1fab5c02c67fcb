package export_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/export"
	"clfsload/sync/tree/treetest"
	"clfsload/tests/needs"
)

// attacker is the account of a user who owns a directory of the destination.
const attacker = 1234

// An intruder acts once, when the export reads a certain blob: a point that the export always
// passes, in the middle of a file or of a directory.
type intruder struct {
	blob.Container
	blob string
	act  func()
	once sync.Once
}

func (i *intruder) Get(ctx context.Context, name string, offset, length int64) (blob.Object, error) {
	if name == i.blob {
		i.once.Do(i.act)
	}
	return i.Container.Get(ctx, name, offset, length)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// big makes a file whose contents are read while it is being written.
func big(n *treetest.Node, name string, mode uint32) *treetest.Node {
	f := n.Make(clfs.TypeRegular, name, mode)
	f.Content = []byte(strings.Repeat("the program of the container\n", 1000))
	return f
}

// attackersDirectory makes a directory that the attacker owns.
func attackersDirectory(t *testing.T, path string) string {
	t.Helper()
	needs.Root(t)
	must(t, os.MkdirAll(path, 0o777), os.Chmod(path, 0o755), os.Chown(path, attacker, attacker))
	return path
}

// attackersFile writes a file that the attacker owns.
func attackersFile(t *testing.T, path string) {
	t.Helper()
	needs.Root(t)
	must(t, os.WriteFile(path, []byte("the attacker's program"), 0o600), os.Chmod(path, 0o777), os.Chown(path, attacker, attacker))
}

func look(t *testing.T, path string) (st unix.Stat_t) {
	t.Helper()
	must(t, unix.Lstat(path, &st))
	return st
}

// mustHaveNoTemporaries looks for what an export must not leave.
func mustHaveNoTemporaries(t *testing.T, dest string) {
	t.Helper()
	must(t, filepath.WalkDir(dest, func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".clfsload-") {
			t.Errorf("%s was left", path)
		}
		return err
	}))
}

func TestAUsersFileInPlaceOfATemporaryOneGetsNoAttributes(t *testing.T) {
	b := treetest.New(t)
	tool := big(b.Root.Dir("d"), "tool", 0o4755)
	b.Finish()
	dest := t.TempDir()
	d := attackersDirectory(t, filepath.Join(dest, "d"))
	swapped := 0
	swap := func() {
		entries, err := os.ReadDir(d)
		must(t, err)
		for _, e := range entries {
			must(t, os.Rename(filepath.Join(d, e.Name()), filepath.Join(d, "stolen"+e.Name())))
			attackersFile(t, filepath.Join(d, e.Name()))
			swapped++
		}
	}
	out := exportTo(t, &intruder{Container: b.Container, blob: tool.SegmentBlob(0), act: swap}, dest, export.Options{KeepGoing: true})
	out.mustHave(t, "d/tool", string(tool.Content))
	if swapped == 0 || out.counts.Failures == 0 {
		t.Errorf("%d temporary names were exchanged, failures %v", swapped, out.failures)
	}
	must(t, filepath.WalkDir(d, func(path string, e os.DirEntry, err error) error {
		if text, _ := os.ReadFile(path); string(text) == "the attacker's program" && look(t, path).Uid != attacker {
			t.Errorf("%s has the attacker's contents and mode %o of root", path, look(t, path).Mode)
		}
		return err
	}))
}

func TestADirectoryThatAUserExchangedIsReportedAndGetsNoAttributes(t *testing.T) {
	b := treetest.New(t)
	d := b.Root.Dir("d")
	d.Inode.Attr.UID = attacker
	f := big(d.Dir("sub"), "file", 0o644)
	b.Finish()
	dest := t.TempDir()
	sub := filepath.Join(attackersDirectory(t, filepath.Join(dest, "d")), "sub")
	swap := func() {
		must(t, os.Rename(sub, sub+".moved"))
		attackersDirectory(t, sub)
		must(t, os.Chmod(sub, 0o700))
	}
	out := exportTo(t, &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: swap}, dest, export.Options{KeepGoing: true})
	out.mustFail(t, "/d/sub", "moved or replaced")
	if st := look(t, sub); st.Uid != attacker || st.Mode&0o7777 != 0o700 {
		t.Errorf("the attacker's directory belongs to %d now, mode %o", st.Uid, st.Mode)
	}
	if st := look(t, sub+".moved"); st.Uid != 0 || st.Mode&0o7777 != 0o700 {
		t.Errorf("the export's directory belongs to %d now, mode %o", st.Uid, st.Mode)
	}
}

// With one request at a time the entries of a directory are made one after the other.
func TestAHardLinkIsMadeToTheExportedFileAlone(t *testing.T) {
	b := treetest.New(t)
	linked := b.Root.File("a", []byte("content"))
	f := big(b.Root, "big", 0o644)
	b.Root.Dir("safe").Link("again", linked)
	b.Finish()
	dest := t.TempDir()
	attackersDirectory(t, dest)
	first := filepath.Join(dest, "a")
	swapped := false
	swap := func() {
		if os.Remove(first) == nil {
			attackersFile(t, first)
			swapped = true
		}
	}
	c := &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: swap}
	out := exportWith(t, c, dest, tree.Options{Requests: 1}, export.Options{KeepGoing: true})
	if !swapped {
		t.Fatal("the first name was not there when the attacker came")
	}
	out.mustFail(t, "/safe/again", "moved or replaced")
	if _, err := os.Lstat(filepath.Join(dest, "safe", "again")); err == nil {
		t.Error("the attacker's file is in another directory now")
	}
}

func TestContentsAreOpenToNobodyBeforeTheirDirectoriesAreClosed(t *testing.T) {
	for name, prepare := range map[string]func(secret string){
		"new": func(string) {},
		"of another user": func(secret string) {
			attackersDirectory(t, secret)
			must(t, exec.Command("setfacl", "-m", "u:1234:rwx,d:u:1234:rwx", secret).Run())
		},
		"open": func(secret string) { must(t, os.MkdirAll(secret, 0o777), os.Chmod(secret, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := treetest.New(t)
			secret := b.Root.Dir("secret")
			secret.Inode.Attr.Mode = unix.S_IFDIR | 0o700
			f := big(secret, "file", 0o644)
			b.Finish()
			dest := filepath.Join(t.TempDir(), "dest")
			path := filepath.Join(dest, "secret")
			prepare(path)
			seen := func() {
				if st := look(t, path); st.Uid != 0 || st.Mode&0o077 != 0 {
					t.Errorf("the directory belongs to %d, mode %o, while it is filled", st.Uid, st.Mode)
				}
			}
			exportTo(t, &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: seen}, dest, export.Options{}).mustWork(t)
			for _, list := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
				if n, err := unix.Getxattr(path, list, nil); err != unix.ENODATA {
					t.Errorf("%s: %d bytes, %v", list, n, err)
				}
			}
		})
	}
}

func TestADestinationThatIsMadeIsClosedUntilTheEnd(t *testing.T) {
	b := treetest.New(t)
	f := big(b.Root, "file", 0o644)
	b.Finish()
	dest := filepath.Join(t.TempDir(), "dest")
	seen := func() {
		if st := look(t, dest); st.Mode&0o777 != 0o700 {
			t.Errorf("mode %o while it is filled", st.Mode)
		}
	}
	exportTo(t, &intruder{Container: b.Container, blob: f.SegmentBlob(0), act: seen}, dest, export.Options{}).mustWork(t)
	if st := look(t, dest); st.Mode&0o777 != 0o755 {
		t.Errorf("mode %o in the end", st.Mode)
	}
}

// A mode says who may do what only while no access list says more.
func TestNothingInheritsAnAccessListFromTheDirectoryOfAUser(t *testing.T) {
	b := treetest.New(t)
	d := b.Root.Dir("d")
	d.Inode.Attr.UID = attacker
	d.Make(clfs.TypeRegular, "file", 0o660)
	d.Make(clfs.TypeFIFO, "fifo", 0o660)
	d.Make(clfs.TypeDirectory, "sub", 0o770)
	b.Finish()
	dest := t.TempDir()
	path := attackersDirectory(t, filepath.Join(dest, "d"))
	must(t, exec.Command("setfacl", "-m", "d:u:1234:rwx", path).Run())
	exportTo(t, b.Container, dest, export.Options{}).mustWork(t)
	for _, name := range []string{"file", "fifo", "sub"} {
		for _, list := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
			if n, err := unix.Getxattr(filepath.Join(path, name), list, nil); n > 0 {
				t.Errorf("%s: %s has %d bytes, %v", name, list, n, err)
			}
		}
	}
}

func TestAFileOfAnotherUserIsNotTakenForAnExportedOne(t *testing.T) {
	b := treetest.New(t)
	f := b.Root.File("file", []byte("content of root's"))
	b.Root.Symlink("link", "target")
	b.Root.Make(clfs.TypeFIFO, "fifo", 0o644)
	b.Finish()
	dest := t.TempDir()
	at := unix.Timespec{Sec: int64(treetest.Time.Sec), Nsec: int64(treetest.Time.Nsec)}
	file := filepath.Join(dest, "file")
	must(t, os.WriteFile(file, []byte("his own. his own."), 0o644), os.Symlink("target", filepath.Join(dest, "link")),
		unix.Mkfifo(filepath.Join(dest, "fifo"), 0o644), unix.UtimesNano(file, []unix.Timespec{at, at}))
	for _, name := range []string{"file", "link", "fifo"} {
		must(t, os.Lchown(filepath.Join(dest, name), attacker, attacker))
	}
	if out := exportTo(t, b.Container, dest, export.Options{KeepGoing: true}); out.counts.Failures != 3 || out.counts.Skipped != 0 {
		t.Errorf("%+v, failures %v", out.counts, out.failures)
	}
	exportTo(t, b.Container, dest, export.Options{Overwrite: true}).mustWork(t).mustHave(t, "file", string(f.Content))
	if again := exportTo(t, b.Container, dest, export.Options{}).mustWork(t); again.counts.Skipped != 3 {
		t.Errorf("the export's own files were not recognized: %+v", again.counts)
	}
}

// Names that a user prepared lead to files of others, or to nothing that ends.
func TestWhatIsOverwrittenLosesItsNameAndNothingElse(t *testing.T) {
	b := treetest.New(t)
	b.Root.Make(clfs.TypeRegular, "hard", 0o4755)
	b.Root.Make(clfs.TypeRegular, "soft", 0o4755)
	b.Root.Make(clfs.TypeRegular, "fifo", 0o644)
	b.Root.Dir("dir").File("file", []byte("x"))
	b.Root.Dir("pipe").File("file", []byte("x"))
	b.Finish()
	outside := t.TempDir()
	victim := filepath.Join(outside, "shadow")
	must(t, os.WriteFile(victim, []byte("secret"), 0o600))
	before := look(t, victim)
	dest := t.TempDir()
	must(t, os.Link(victim, filepath.Join(dest, "hard")), os.Symlink(victim, filepath.Join(dest, "soft")),
		os.Symlink(outside, filepath.Join(dest, "dir")), unix.Mkfifo(filepath.Join(dest, "fifo"), 0o600), unix.Mkfifo(filepath.Join(dest, "pipe"), 0o600))
	exportTo(t, b.Container, dest, export.Options{Overwrite: true}).mustWork(t)
	after := look(t, victim)
	text, err := os.ReadFile(victim)
	if err != nil || string(text) != "secret" || after.Mode != before.Mode || after.Uid != before.Uid || after.Nlink != 1 {
		t.Errorf("%q, mode %o, %d links, %v", text, after.Mode, after.Nlink, err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("outside: %v", entries)
	}
	mustHaveNoTemporaries(t, dest)
}

func TestRootFollowsNoLinkOfAnotherUserToTheDestination(t *testing.T) {
	b := treetest.New(t)
	b.Root.File("file", []byte("x"))
	b.Finish()
	victim, home := t.TempDir(), t.TempDir()
	attackersDirectory(t, home)
	for _, name := range []string{"dest", "on"} {
		must(t, os.Symlink(victim, filepath.Join(home, name)), os.Lchown(filepath.Join(home, name), attacker, attacker))
	}
	tr := tree.New(b.Container, tree.Options{TempDir: t.TempDir()})
	defer tr.Close()
	for _, dest := range []string{"dest", "on/the/way"} {
		if x, err := export.New(tr, nil, filepath.Join(home, dest), export.Options{}); err == nil || !strings.Contains(err.Error(), "belongs to user 1234") {
			t.Errorf("%s: %v, %v", dest, x, err)
		}
	}
	if entries, _ := os.ReadDir(victim); len(entries) > 0 {
		t.Errorf("made outside: %v", entries)
	}
	must(t, os.Lchown(filepath.Join(home, "on"), 0, 0))
	exportTo(t, b.Container, filepath.Join(home, "on/the/way"), export.Options{}).mustWork(t)
	exportTo(t, b.Container, filepath.Join(victim, "the/way"), export.Options{}).mustWork(t).mustHave(t, "file", "x")
}
