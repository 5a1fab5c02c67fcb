package write

import (
	"os"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// A published file that is replaced leaves the container with the upload of what has
// replaced it, and not before: whatever is renamed meanwhile, before and after a kill.
func TestAReplacedFileStaysUntilItsSuccessorIsUploaded(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(i *mounted.Intake) // what happens to the successor, which is "config" and open
		holds []string                // names of which one must have the old contents
		ends  []string                // names at the end
	}{
		{"left alone", func(i *mounted.Intake) {}, []string{"config"}, []string{"config"}},
		{"renamed", func(i *mounted.Intake) { renameIn(i, "config", "config.bak") }, []string{"config", "config.bak"}, []string{"config.bak"}},
		{"renamed twice", func(i *mounted.Intake) { renameIn(i, "config", "a"); renameIn(i, "a", "b") }, []string{"config", "b"}, []string{"b"}},
		{"renamed into another directory", func(i *mounted.Intake) { i.Directory("d"); renameIn(i, "config", "d/config") }, []string{"config", "d/config"}, []string{"d", "d/config"}},
		{"replaced by another one that is open", func(i *mounted.Intake) {
			f := begun(i, "second")
			renameIn(i, "second", "config")
			renameIn(i, "config", "config.bak")
			i.T.Cleanup(func() { f.Close() })
		}, []string{"config", "config.bak"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := mounted.NewIntake(t, "--settle", "100ms")
			harness.WriteFile(t, i.Path("config"), "old")
			i.Publish()
			f := begun(i, ".config.tmp")
			renameIn(i, ".config.tmp", "config")
			c.after(i)
			for range 2 {
				harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete)
				mustHoldIn(i, c.holds, "old")
			}
			mustNotHaveDamage(i)
			harness.Must(t, f.Close())
			if c.ends == nil {
				return
			}
			i.Publish()
			i.MustBePublished()
			mustHaveNames(i, c.ends)
		})
	}
}

// The same when the writer was cut off.
func TestAReplacedFileStaysAfterAKill(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "100ms")
	harness.WriteFile(t, i.Path("config"), "old")
	i.Publish()
	f := begun(i, ".config.tmp")
	defer f.Close()
	renameIn(i, ".config.tmp", "config")
	renameIn(i, "config", "config.bak")
	i.Killed()
	i.Again()
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete)
	mustHoldIn(i, []string{"config", "config.bak"}, "old")
	harness.WriteFile(t, i.Path("config.bak"), "new")
	i.Publish()
	i.MustBePublished()
	mustHaveNames(i, []string{"config.bak"})
}

// What is removed takes with it what it has replaced.
func TestAReplacedFileGoesWithItsSuccessor(t *testing.T) {
	i := mounted.NewIntake(t, "--settle", "100ms")
	harness.WriteFile(t, i.Path("config"), "old")
	i.Publish()
	f := begun(i, ".config.tmp")
	renameIn(i, ".config.tmp", "config")
	renameIn(i, "config", "config.bak")
	harness.Clfsload(t, "publish", i.Point).MustExit(harness.ExitIncomplete)
	harness.Must(t, os.Remove(i.Path("config.bak")))
	harness.Must(t, f.Close())
	i.Publish()
	i.MustBePublished()
	mustHaveNames(i, nil)
}

// begun is a new file that is open and has some contents.
func begun(i *mounted.Intake, name string) *os.File {
	i.T.Helper()
	f, err := os.Create(i.Path(name))
	harness.Must(i.T, err)
	_, err = f.WriteString("begun")
	harness.Must(i.T, err)
	return f
}

func renameIn(i *mounted.Intake, from, to string) {
	i.T.Helper()
	harness.Must(i.T, os.Rename(i.Path(from), i.Path(to)))
}

// mustHoldIn wants a text to be the contents of one of some files in the container.
func mustHoldIn(i *mounted.Intake, names []string, text string) {
	i.T.Helper()
	for _, name := range names {
		if res := harness.Clfsload(i.T, "cat", i.Target, "/"+name); res.Code == harness.ExitOK && res.Stdout == text {
			return
		}
	}
	i.T.Errorf("none of %q has %q in the container", names, text)
}

func mustNotHaveDamage(i *mounted.Intake) {
	i.T.Helper()
	harness.Clfsload(i.T, "verify", i.Target).MustExit(harness.ExitOK)
}

func mustHaveNames(i *mounted.Intake, names []string) {
	i.T.Helper()
	tree := trees.ReadContainer(i.T, i.Blobs()).Tree
	for _, name := range names {
		if _, there := tree[name]; !there {
			i.T.Errorf("%s is missing", name)
		}
	}
	if len(tree) != len(names)+1 {
		i.T.Errorf("the container has %v, not %q", tree, names)
	}
}
