package read

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// colleagues is a group that the user of an export is in, and strangers one that he is not.
const (
	colleagues = 64001
	strangers  = 64002
)

// asMember runs the binary as an ordinary user who is in a group besides his own.
func asMember(c *exec.Cmd) {
	harness.AsNobody(c)
	c.SysProcAttr.Credential.Groups = []uint32{colleagues}
}

// owned is an entry of a source, and what an ordinary user gets back of it.
type owned struct {
	mode     uint32 // with the type
	uid, gid int
	wantMode uint32 // permissions
	wantGID  int
}

var ownedEntries = map[string]owned{
	"own-setuid":        {unix.S_IFREG | 0o4755, harness.Nobody, harness.Nobody, 0o4755, harness.Nobody},
	"own-both":          {unix.S_IFREG | 0o6711, harness.Nobody, colleagues, 0o6711, colleagues},
	"own-of-strangers":  {unix.S_IFREG | 0o6755, harness.Nobody, strangers, 0o4755, harness.Nobody},
	"root-setuid":       {unix.S_IFREG | 0o4755, 0, 0, 0o0755, harness.Nobody},
	"root-setgid":       {unix.S_IFREG | 0o6755, 0, colleagues, 0o2755, colleagues},
	"unreadable":        {unix.S_IFREG, 0, 0, 0, harness.Nobody},
	"shared":            {unix.S_IFDIR | 0o3775, 0, colleagues, 0o3775, colleagues},
	"of-strangers":      {unix.S_IFDIR | 0o2750, 0, strangers, 0o0750, harness.Nobody},
	"closed":            {unix.S_IFDIR | 0o0500, 0, 0, 0o0500, harness.Nobody},
	"shared/fifo":       {unix.S_IFIFO | 0o0620, 0, colleagues, 0o0620, colleagues},
	"closed/socket":     {unix.S_IFSOCK | 0o0604, 0, 0, 0o0604, harness.Nobody},
	"of-strangers/file": {unix.S_IFREG | 0o0640, 0, colleagues, 0o0640, colleagues},
}

// loadOwned loads a source with those entries, all as old as then.
func loadOwned(t *testing.T, then time.Time, more ...func(source string)) (target, out string) {
	t.Helper()
	directory := t.TempDir()
	harness.OpenToAll(t, directory)
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	for name, e := range ownedEntries {
		path := filepath.Join(tr.Source, name)
		harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if e.mode&unix.S_IFMT == unix.S_IFDIR {
			harness.Must(t, os.MkdirAll(path, 0o755))
		} else {
			harness.Must(t, unix.Mknod(path, e.mode, 0))
		}
		harness.Must(t, os.Lchown(path, e.uid, e.gid))
		harness.Must(t, unix.Chmod(path, e.mode&0o7777))
	}
	for _, f := range more {
		f(tr.Source)
	}
	harness.Must(t, filepath.WalkDir(tr.Source, func(path string, _ fs.DirEntry, err error) error {
		harness.Must(t, err)
		return os.Chtimes(path, then, then)
	}))
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	harness.RunTool(t, "chmod", "-R", "a+rX", tr.Blobs)
	out = filepath.Join(directory, "out")
	harness.Must(t, os.Mkdir(out, 0o755))
	harness.Must(t, os.Chown(out, harness.Nobody, harness.Nobody))
	return "dir:" + tr.Blobs, out
}

func TestAnOrdinaryUsersExportRestoresWhatTheSystemLetsHimRestore(t *testing.T) {
	then := time.Unix(1e9, 123456789)
	target, out := loadOwned(t, then)
	harness.Command(t, []string{"export", target, out}, asMember).Start().Wait().MustExit(harness.ExitOK).MustSay("the owner of 10 entries", "the group of 7", "set-id bits of 4")
	for name, want := range ownedEntries {
		var st unix.Stat_t
		harness.Must(t, unix.Lstat(filepath.Join(out, name), &st))
		if st.Mode&0o7777 != want.wantMode || st.Uid != harness.Nobody || st.Gid != uint32(want.wantGID) {
			t.Errorf("%s: mode %o, owner %d:%d; want %o, %d:%d", name, st.Mode&0o7777, st.Uid, st.Gid, want.wantMode, harness.Nobody, want.wantGID)
		}
		read := want.mode&unix.S_IFMT == unix.S_IFDIR // the source's directory was read, which changes its atime
		if st.Mtim.Nano() != then.UnixNano() || !read && st.Atim.Nano() != then.UnixNano() {
			t.Errorf("%s: times %v, %v", name, st.Mtim, st.Atim)
		}
	}
	harness.Command(t, []string{"export", target, out}, asMember).Start().Wait().MustExit(harness.ExitOK).MustSay("9 existed already")
}

// A device takes root. The rest of the tree does not wait for it.
func TestAnOrdinaryUsersExportNamesDevicesAndRestoresTheRest(t *testing.T) {
	target, out := loadOwned(t, time.Unix(1e9, 0), func(source string) {
		harness.Must(t, unix.Mknod(filepath.Join(source, "a-device"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	})
	harness.Command(t, []string{"export", target, out}, asMember).Start().Wait().MustExit(harness.ExitIncomplete).MustSay("/a-device", "only root can make a device")
	for name := range ownedEntries {
		if _, err := os.Lstat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnOrdinaryUserExportsIntoADirectoryOfAnotherOne(t *testing.T) {
	target, out := loadOwned(t, time.Unix(1e9, 0))
	harness.Must(t, os.Chown(out, 0, 0))
	harness.Must(t, os.Chmod(out, 0o777|os.ModeSticky))
	harness.Command(t, []string{"export", target, out}, asMember).Start().Wait().MustExit(harness.ExitOK).MustSay("the attributes of 1 directories of other users")
	info, err := os.Stat(out)
	harness.Must(t, err)
	if info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("mode %s", info.Mode())
	}
}

// exchange is a user who puts a program of his in the place of whatever the export makes in
// his directory, as fast as he can.
const exchange = `cd "$1" || exit; echo ready
while :; do
  for f in .clfsload-* tool sub; do
    [ -e "$f" ] && mv "$f" "stolen.$f" 2>/dev/null && cp mine "$f" 2>/dev/null
  done
done`

func TestNoUserTurnsRootsExportIntoASetUserIDProgram(t *testing.T) {
	directory := t.TempDir()
	harness.OpenToAll(t, directory)
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	harness.Must(t, os.MkdirAll(filepath.Join(tr.Source, "d", "sub"), 0o755))
	for _, name := range []string{"tool", "sub/tool"} {
		path := filepath.Join(tr.Source, "d", name)
		trees.WriteNoise(t, path, 20<<20, trees.SeededRandom(t))
		harness.Must(t, os.Chmod(path, 0o755|os.ModeSetuid))
	}
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	d := filepath.Join(directory, "out", "d")
	harness.Must(t, os.MkdirAll(d, 0o755))
	mine := filepath.Join(d, "mine")
	harness.WriteFile(t, mine, "the attacker's program")
	for _, path := range []string{d, mine} {
		harness.Must(t, os.Chown(path, harness.Nobody, harness.Nobody))
	}
	startAttacker(t, d)
	for range 5 {
		harness.Command(t, []string{"export", "--keep-going", "--overwrite", "dir:" + tr.Blobs, filepath.Dir(d)}).Start().Wait()
		mustHaveNoStolenRights(t, d)
		harness.Must(t, os.Chown(d, harness.Nobody, harness.Nobody))
	}
}

// startAttacker lets the exchanging user run until the test ends.
func startAttacker(t *testing.T, d string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", exchange, "sh", d)
	harness.AsNobody(c)
	out, err := c.StdoutPipe()
	harness.Must(t, err)
	harness.Must(t, c.Start())
	t.Cleanup(func() { _ = c.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the attacker says %q, %v", line, err)
	}
}

// mustHaveNoStolenRights wants no file with a user's contents to belong to root. What the user
// moves or removes during the look is not looked at.
func mustHaveNoStolenRights(t *testing.T, d string) {
	t.Helper()
	_ = filepath.WalkDir(d, func(path string, _ fs.DirEntry, _ error) error {
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil
		}
		defer f.Close()
		info, err := f.Stat()
		harness.Must(t, err)
		start := make([]byte, 22)
		n, _ := f.Read(start)
		if strings.HasPrefix("the attacker's program", string(start[:n])) && n > 0 && info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("%s has the attacker's contents and belongs to root, mode %s", path, info.Mode())
		}
		return nil
	})
}

// A report names files, and goes to a file that nobody else chose.
func TestAReportIsWrittenToNoFileThatAnotherUserPrepared(t *testing.T) {
	target, directory := trees.GoldenContainer(t, "lz4"), t.TempDir()
	harness.OpenToAll(t, directory)
	victim := filepath.Join(directory, "victim")
	harness.WriteFile(t, victim, "kept")
	hard, soft, his, fifo := filepath.Join(directory, "hard"), filepath.Join(directory, "soft"), filepath.Join(directory, "his"), filepath.Join(directory, "fifo")
	harness.Must(t, os.Link(victim, hard))
	harness.Must(t, os.Symlink(victim, soft))
	harness.WriteFile(t, his, "kept")
	harness.Must(t, unix.Mkfifo(fifo, 0o666))
	for _, path := range []string{soft, his, fifo} {
		harness.Must(t, os.Lchown(path, harness.Nobody, harness.Nobody))
	}
	for _, report := range []string{hard, soft, his, fifo} {
		harness.Clfsload(t, "export", "--keep-going", "--report", report, target, "/links", filepath.Join(directory, "out")).MustExit(1).MustSay("report")
	}
	for _, path := range []string{victim, his} {
		if text, err := os.ReadFile(path); err != nil || string(text) != "kept" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	mine := filepath.Join(directory, "mine")
	for range 2 {
		harness.Clfsload(t, "export", "--keep-going", "--report", mine, target, "/links", filepath.Join(directory, "out")).MustExit(harness.ExitOK)
	}
	info, err := os.Stat(mine)
	harness.Must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	harness.Clfsload(t, "export", "--keep-going", "--report", "/dev/stderr", target, "/links", filepath.Join(directory, "out")).MustExit(harness.ExitOK)
}
