package mount

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// A mount point that is not empty was mostly named by mistake: what is in it would be
// hidden, and the program that writes there would write into the container.
func TestAMountPointThatIsNotEmptyIsRefusedBeforeAnythingIsMade(t *testing.T) {
	directory := t.TempDir()
	state, container, log := filepath.Join(directory, "state"), filepath.Join(directory, "container"), filepath.Join(directory, "log")
	for what, make := range map[string]func(path string){
		".hidden":    func(path string) { harness.WriteFile(t, path, "x") },
		"lost+found": func(path string) { harness.MustMkdir(t, path) },
		"link":       func(path string) { harness.Must(t, os.Symlink("nothing", path)) },
		"fifo":       func(path string) { harness.Must(t, unix.Mkfifo(path, 0o644)) },
	} {
		point := mounted.Point(t)
		make(filepath.Join(point, what))
		for _, flags := range [][]string{
			{"--state", state, "--target", "dir:" + container},
			{"--state", state, "--target", "dir:" + container, "--daemon", "--log-file", log},
			{"--read-only", "--target", trees.MountedGolden(t)},
			{"--read-only", "--target", trees.MountedGolden(t), "--daemon", "--log-file", log},
		} {
			harness.Clfsload(t, append(append([]string{"mount"}, flags...), point)...).MustExit(harness.ExitMountPoint).MustBeOneLine().
				MustSay(point, "not empty", what, "--allow-non-empty")
			if mounted.At(t, point) {
				t.Fatalf("%q is mounted", flags)
			}
		}
	}
	for _, path := range []string{state, container, log} {
		harness.MustNotExist(t, path)
	}
}

func TestAMountPointThatIsNotEmptyIsHiddenWhenThatIsAskedFor(t *testing.T) {
	point := mounted.Point(t)
	below := filepath.Join(point, "below")
	harness.WriteFile(t, below, "x")
	readOnly := mounted.ReadOnlyAt(t, point, trees.MountedGolden(t), "--allow-non-empty")
	harness.MustNotExist(t, below)
	readOnly.End(unix.SIGTERM).MustExit(harness.ExitOK)
	i := &mounted.Intake{T: t, State: filepath.Join(t.TempDir(), "state"), Target: "dir:" + filepath.Join(t.TempDir(), "container")}
	i.Mount = mounted.With(t, point, i.Flags([]string{"--allow-non-empty"}))
	harness.MustNotExist(t, below)
	harness.WriteFile(t, i.Path("file"), "x")
	i.Publish()
	i.MustBePublished()

	// What was left behind by a crash is cleared away, and what comes to light then counts.
	harness.Must(t, i.Command.Process.Kill())
	i.Await()
	harness.Clfsload(t, append(append([]string{"mount"}, i.Flags(nil)...), point)...).MustExit(harness.ExitMountPoint).MustSay("below")
	i.Again("--allow-non-empty")
	i.EndsWell(unix.SIGTERM)
	if got, err := os.ReadFile(below); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestALineOfFstabMayMountOnWhatIsNotEmpty(t *testing.T) {
	f := mounted.NewFstab(t)
	for _, option := range []string{"nonempty", "allow_non_empty"} {
		point := f.Add(trees.MountedGolden(t), "ro,"+option)
		harness.WriteFile(t, filepath.Join(point, "below"), "x")
		f.Mount(point).MustExit(harness.ExitOK)
		harness.MustNotExist(t, filepath.Join(point, "below"))
	}
	point := f.Add(trees.MountedGolden(t), "ro")
	harness.WriteFile(t, filepath.Join(point, "below"), "x")
	f.Mount(point).MustExit(harness.ExitMountPoint).MustSay("not empty")
}

// Linux file systems do the same with times that they cannot hold.
func TestTimesThatCLFSCannotHoldAreClampedAtTheCall(t *testing.T) {
	i := mounted.NewIntake(t)
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
			"file":      func(path string) { harness.WriteFile(t, path, "x") },
			"directory": func(path string) { harness.MustMkdir(t, path) },
			"link":      func(path string) { harness.Must(t, os.Symlink("x", path)) },
		} {
			path := i.Path(name + " " + what)
			make(path)
			harness.SetTimes(t, path, c.set, c.set)
			var st unix.Stat_t
			harness.Must(t, unix.Lstat(path, &st))
			if st.Mtim != c.want || st.Atim != c.want {
				t.Errorf("%s: mtime %v, atime %v, not %v", filepath.Base(path), st.Mtim, st.Atim, c.want)
			}
		}
	}
	open, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	_, err = open.WriteString("x")
	harness.Must(t, err)
	harness.SetTimes(t, i.Path("open"), unix.Timespec{Sec: -5}, unix.Timespec{Sec: -5})
	harness.Must(t, open.Close())
	i.Publish()
	i.MustBePublished()
	if res := i.EndsWell(unix.SIGTERM); strings.Contains(res.Stderr, "1970") {
		t.Errorf("the publication had to clamp a time:\n%s", res.Stderr)
	}
	i.Again()
	i.MustBePublished()
}
