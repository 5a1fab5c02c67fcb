package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A mount point that is not empty was mostly named by mistake: what is in it would be
// hidden, and the program that writes there would write into the container.
func TestAMountPointThatIsNotEmptyIsRefusedBeforeAnythingIsMade(t *testing.T) {
	directory := t.TempDir()
	state, container, log := filepath.Join(directory, "state"), filepath.Join(directory, "container"), filepath.Join(directory, "log")
	for what, make := range map[string]func(path string){
		".hidden":    func(path string) { writeFile(t, path, "x") },
		"lost+found": func(path string) { mustMkdir(t, path) },
		"link":       func(path string) { must(t, os.Symlink("nothing", path)) },
		"fifo":       func(path string) { must(t, unix.Mkfifo(path, 0o644)) },
	} {
		point := mountPoint(t)
		make(filepath.Join(point, what))
		for _, flags := range [][]string{
			{"--state", state, "--target", "dir:" + container},
			{"--state", state, "--target", "dir:" + container, "--daemon", "--log-file", log},
			{"--read-only", "--target", mountedGolden(t)},
			{"--read-only", "--target", mountedGolden(t), "--daemon", "--log-file", log},
		} {
			clfsload(t, append(append([]string{"mount"}, flags...), point)...).mustExit(exitMountPoint).mustBeOneLine().
				mustSay(point, "not empty", what, "--allow-non-empty")
			if isMounted(t, point) {
				t.Fatalf("%q is mounted", flags)
			}
		}
	}
	for _, path := range []string{state, container, log} {
		mustNotExist(t, path)
	}
}

func TestAMountPointThatIsNotEmptyIsHiddenWhenThatIsAskedFor(t *testing.T) {
	point := mountPoint(t)
	below := filepath.Join(point, "below")
	writeFile(t, below, "x")
	readOnly := mountAt(t, point, mountedGolden(t), "--allow-non-empty")
	mustNotExist(t, below)
	readOnly.end(unix.SIGTERM).mustExit(exitOK)
	i := &intake{t: t, state: filepath.Join(t.TempDir(), "state"), target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.mount = mountWith(t, point, i.flags([]string{"--allow-non-empty"}))
	mustNotExist(t, below)
	writeFile(t, i.path("file"), "x")
	i.publish()
	i.mustBePublished()

	// What was left behind by a crash is cleared away, and what comes to light then counts.
	must(t, i.command.Process.Kill())
	i.await()
	clfsload(t, append(append([]string{"mount"}, i.flags(nil)...), point)...).mustExit(exitMountPoint).mustSay("below")
	i.again("--allow-non-empty")
	i.endsWell(unix.SIGTERM)
	if got, err := os.ReadFile(below); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestALineOfFstabMayMountOnWhatIsNotEmpty(t *testing.T) {
	f := newFstab(t)
	for _, option := range []string{"nonempty", "allow_non_empty"} {
		point := f.add(mountedGolden(t), "ro,"+option)
		writeFile(t, filepath.Join(point, "below"), "x")
		f.mount(point).mustExit(exitOK)
		mustNotExist(t, filepath.Join(point, "below"))
	}
	point := f.add(mountedGolden(t), "ro")
	writeFile(t, filepath.Join(point, "below"), "x")
	f.mount(point).mustExit(exitMountPoint).mustSay("not empty")
}

// Linux file systems do the same with times that they cannot hold.
func TestTimesThatCLFSCannotHoldAreClampedAtTheCall(t *testing.T) {
	i := newIntake(t)
	last := unix.Timespec{Sec: 1<<32 - 1, Nsec: 999999999}
	for name, c := range map[string]struct{ set, want unix.Timespec }{
		"1969":      {unix.Timespec{Sec: -1, Nsec: 999999999}, unix.Timespec{}},
		"1901":      {unix.Timespec{Sec: -1 << 31}, unix.Timespec{}},
		"long past": {unix.Timespec{Sec: -1 << 62}, unix.Timespec{}},
		"first":     {unix.Timespec{Nsec: 1}, unix.Timespec{Nsec: 1}},
		"last":      {last, last},
		"2106":      {unix.Timespec{Sec: 1 << 32}, last},
		"far":       {unix.Timespec{Sec: 1 << 62, Nsec: 5}, last},
	} {
		for what, make := range map[string]func(path string){
			"file":      func(path string) { writeFile(t, path, "x") },
			"directory": func(path string) { mustMkdir(t, path) },
			"link":      func(path string) { must(t, os.Symlink("x", path)) },
		} {
			path := i.path(name + " " + what)
			make(path)
			setTimes(t, path, c.set, c.set)
			var st unix.Stat_t
			must(t, unix.Lstat(path, &st))
			if st.Mtim != c.want || st.Atim != c.want {
				t.Errorf("%s: mtime %v, atime %v, not %v", filepath.Base(path), st.Mtim, st.Atim, c.want)
			}
		}
	}
	open, err := os.Create(i.path("open"))
	must(t, err)
	_, err = open.WriteString("x")
	must(t, err)
	setTimes(t, i.path("open"), unix.Timespec{Sec: -5}, unix.Timespec{Sec: -5})
	must(t, open.Close())
	i.publish()
	i.mustBePublished()
	if res := i.endsWell(unix.SIGTERM); strings.Contains(res.stderr, "1970") {
		t.Errorf("the publication had to clamp a time:\n%s", res.stderr)
	}
	i.again()
	i.mustBePublished()
}
