package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
	"clfsload/tests/needs"
)

func TestEveryTypeAndEveryNameIsFound(t *testing.T) {
	needs.Root(t)
	f := newFixture(t)
	f.write("file", "12345")
	f.mkdir("dir")
	at := func(name string) string { return filepath.Join(f.path, name) }
	for _, err := range []error{
		os.Symlink("to\xff", at("link")),
		unix.Mkfifo(at("fifo"), 0o600),
		unix.Mknod(at("sock"), unix.S_IFSOCK|0o600, 0),
		unix.Mknod(at("char"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))),
		unix.Mknod(at("block"), unix.S_IFBLK|0o600, int(unix.Mkdev(7, 300))),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]clfs.Type{"file": clfs.TypeRegular, "dir": clfs.TypeDirectory, "link": clfs.TypeSymlink, "fifo": clfs.TypeFIFO,
		"sock": clfs.TypeSocket, "char": clfs.TypeChar, "block": clfs.TypeBlock}
	names := []string{strings.Repeat("n", 255), "new\nline", " ", "-rf", "..."}
	for b := 1; b < 256; b++ {
		if b != '/' {
			names = append(names, "b"+string([]byte{byte(b)}))
		}
	}
	for _, name := range names {
		f.write(name, "")
		want[name] = clfs.TypeRegular
	}
	f.scan()
	rows := f.rows()
	for name, typ := range want {
		in, ok := rows[name]
		if !ok || in.Attr.Type != typ || string(in.Name) != name {
			t.Errorf("%q: found %v, type %s, want %s", name, ok, in.Attr.Type, typ)
		}
	}
	if len(rows) != len(want) || f.failures() != nil {
		t.Errorf("%d rows, want %d; failures %q", len(rows), len(want), f.failures())
	}
	if in := rows["link"]; string(in.Target) != "to\xff" || in.Attr.Size != 3 {
		t.Errorf("link to %q of %d bytes", in.Target, in.Attr.Size)
	}
	if in := rows["block"]; in.Attr.Rdev != unix.Mkdev(7, 300) {
		t.Errorf("device %#x", in.Attr.Rdev)
	}
	if in := rows["file"]; in.Attr.Size != 5 || in.Attr.Mode != 0o100644 || in.State != state.Queued {
		t.Errorf("%+v", in)
	}
}

// size of the directory of TestAnInterruptedScanOfAHugeDirectoryGoesOn.
const huge = 20_000

func TestAnInterruptedScanOfAHugeDirectoryGoesOn(t *testing.T) {
	f := newFixture(t)
	f.mkdir("huge")
	for i := range huge {
		f.write(fmt.Sprintf("huge/%05d", i), "")
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			changed := f.journal.Changed()
			if f.journal.Totals().FoundEntries > huge/4 {
				cancel()
				return
			}
			<-changed
		}
	}()
	err := f.scanner().Run(ctx)
	<-watched
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Run: %v", err)
	}
	found := f.journal.Totals().FoundEntries
	if found >= huge {
		t.Fatalf("%d entries were found before it stopped: too late for the test", found)
	}
	list := func() map[string]clfs.ID {
		s, err := f.journal.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all, err := s.Children(t.Context(), clfs.FirstSequence+1, nil, 2*huge)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]clfs.ID{}
		for _, c := range all {
			ids[string(c.Name)] = c.ID
		}
		return ids
	}
	before := list()
	f.scan()
	after := list()
	if len(after) != huge || f.journal.Totals().FoundEntries != huge+2 {
		t.Errorf("%d rows, %+v", len(after), f.journal.Totals())
	}
	for name, id := range before {
		if after[name] != id {
			t.Fatalf("%s has another handle than before", name)
		}
	}
}

func TestWhatCannotBeHeldOrReadIsAFailureAndTheRestGoesOn(t *testing.T) {
	f := newFixture(t)
	f.write("good", "")
	for name, n := range map[string]int{"longest": clfs.MaxTargetBytes, "toolong": clfs.MaxTargetBytes + 1} {
		if err := os.Symlink(strings.Repeat("t", n), filepath.Join(f.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.scan()
	got := f.failures()
	if len(got) != 1 || !strings.HasPrefix(got[0], "toolong: readlink: ") || !slices.Equal(f.failed, []string{"toolong"}) {
		t.Errorf("failures %q, told %q", got, f.failed)
	}
	if rows := f.rows(); len(rows) != 2 || rows["longest"].Attr.Size != clfs.MaxTargetBytes {
		t.Errorf("%d rows", len(rows))
	}
}

// asNobody runs the calling test once more in a process without privileges, with
// a directory of that user's, and reports whether this is that process.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return true
	}
	dir, err := os.MkdirTemp("/tmp", "scan-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(dir, "test")
	if err := os.WriteFile(again, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), again, "-test.run", "^"+t.Name()+"$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("without privileges: %v\n%s", err, out)
	}
	return false
}

func TestADirectoryThatMayNotBeReadIsAFailureAndIsTriedAgain(t *testing.T) {
	if !asNobody(t) {
		return
	}
	f := newFixture(t)
	f.mkdir("open/below")
	f.mkdir("shut/below")
	f.mkdir("blind/below")
	f.write("open/secret", "x")
	chmod := func(name string, mode os.FileMode) {
		if err := os.Chmod(filepath.Join(f.path, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod("shut", 0)
	chmod("blind", 0o400) // its names can be listed and not looked at
	chmod("open/secret", 0)
	t.Cleanup(func() { chmod("shut", 0o700); chmod("blind", 0o700) })
	f.scan()
	want := []string{"blind/below: lstat: permission denied", "shut: open: permission denied"}
	if got := f.failures(); !slices.Equal(got, want) {
		t.Errorf("failures %q, want %q", got, want)
	}
	if g, err := f.tree.Open("open/secret"); !errors.Is(err, unix.EACCES) {
		t.Errorf("open: %v, %v", g, err)
	}
	chmod("shut", 0o700)
	chmod("blind", 0o700)
	if err := f.journal.RetryFailures(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.scan()
	rows := f.rows()
	if len(f.failures()) != 0 || len(rows) != 7 {
		t.Errorf("failures %q, %d rows", f.failures(), len(rows))
	}
	for _, path := range []string{"shut/below", "blind/below"} {
		if _, ok := rows[path]; !ok {
			t.Errorf("%s is missing", path)
		}
	}
}

func TestARootThatCannotBeListedEndsTheScan(t *testing.T) {
	if !asNobody(t) {
		return
	}
	f := newFixture(t)
	if err := os.Chmod(f.path, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(f.path, 0o700) })
	err := f.scanner().Run(t.Context())
	var source *SourceError
	if !errors.As(err, &source) || source.Path != f.path || len(f.failures()) != 0 {
		t.Errorf("Run: %v, failures %q", err, f.failures())
	}
}

func TestEntriesThatVanishAreLeftOutAndDirectoriesAreFailures(t *testing.T) {
	f := newFixture(t)
	f.mkdir("d")
	f.write("file", "")
	root, err := f.journal.Inode(t.Context(), state.RootIno)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.scanner().scanDirectory(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.path, "d")); err != nil {
		t.Fatal(err)
	}
	f.scan()
	if got := f.failures(); !slices.Equal(got, []string{"d: open: no such file or directory"}) {
		t.Errorf("failures %q", got)
	}
	dir, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if e := f.tree.entryOf(dir, "gone"); e.Name != nil || e.Failure != nil {
		t.Errorf("what is gone became %+v", e)
	}
}

func TestLinksOutsideOfTheTreeDoNotHoldAFileBack(t *testing.T) {
	f := newFixture(t)
	f.write("a", "x")
	for _, to := range []string{f.path + "/b", f.path + "/../outside"} {
		if err := os.Link(filepath.Join(f.path, "a"), to); err != nil {
			t.Fatal(err)
		}
	}
	f.scan()
	q, err := f.journal.QueuedNodes(t.Context(), 0, 10)
	if err != nil || len(q) != 1 || q[0].Links != 2 {
		t.Errorf("queued %+v, %v", q, err)
	}
	if n, err := f.journal.ExpectedLinks(t.Context(), q[0].Inode); err != nil || n != 3 {
		t.Errorf("it has %d links in the source, %v", n, err)
	}
}

// A directory that is finished while others are handed out was unscanned when
// the journal was asked.
func TestDispatchHandsOutADirectoryOnce(t *testing.T) {
	f := newFixture(t)
	entry := func(name string) []state.Entry {
		return []state.Entry{{Name: []byte(name), Attr: state.Attr{Type: clfs.TypeDirectory, Mode: 0o40755}}}
	}
	finish := func(in state.Inode, found ...state.Entry) {
		t.Helper()
		if err := f.journal.AddEntries(t.Context(), in, found, true); err != nil {
			t.Fatal(err)
		}
	}
	todo, finished := make(chan state.Inode), make(chan state.Ino)
	ended := make(chan error, 1)
	go func() {
		defer close(todo)
		ended <- f.scanner().dispatch(t.Context(), todo, finished)
	}()
	root := <-todo
	finish(root, append(entry("a"), entry("b")...)...)
	finished <- root.Ino
	b, a := <-todo, <-todo
	finish(a, append(entry("c"), entry("d")...)...)
	finished <- a.Ino
	d := <-todo // c is offered next; b was found as well, and is not finished
	finish(b)
	finished <- b.Ino
	c := <-todo
	for _, in := range []state.Inode{d, c} {
		finish(in)
		finished <- in.Ino
	}
	for again := range todo {
		t.Errorf("%s is handed out again", again.Name)
		finished <- again.Ino
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What cannot be looked at may be a directory with something in it that is asked for.
func TestAnEntryThatCannotBeLookedAtIsTakenIfItMayBeADirectory(t *testing.T) {
	f, err := filter.New([]string{"*.c"}, []string{"skip/"})
	if err != nil {
		t.Fatal(err)
	}
	p := state.Failure{Op: "lstat"}
	for name, want := range map[string]bool{"maybe": true, "file.c": true} {
		if got := takes(f.At(""), &state.Entry{Name: []byte(name), Failure: &p}); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if takes(f.At(""), &state.Entry{Name: []byte("known"), Attr: state.Attr{Type: clfs.TypeRegular}}) {
		t.Error("a file is taken that is not asked for")
	}
}
