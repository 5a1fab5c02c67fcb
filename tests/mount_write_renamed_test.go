package tests

import (
	"os"
	"testing"
)

// A published file that is replaced leaves the container with the upload of what has
// replaced it, and not before: whatever is renamed meanwhile, before and after a kill.
func TestAReplacedFileStaysUntilItsSuccessorIsUploaded(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(i *intake) // what happens to the successor, which is "config" and open
		holds []string        // names of which one must have the old contents
		ends  []string        // names at the end
	}{
		{"left alone", func(i *intake) {}, []string{"config"}, []string{"config"}},
		{"renamed", func(i *intake) { renameIn(i, "config", "config.bak") }, []string{"config", "config.bak"}, []string{"config.bak"}},
		{"renamed twice", func(i *intake) { renameIn(i, "config", "a"); renameIn(i, "a", "b") }, []string{"config", "b"}, []string{"b"}},
		{"renamed into another directory", func(i *intake) { i.directory("d"); renameIn(i, "config", "d/config") }, []string{"config", "d/config"}, []string{"d", "d/config"}},
		{"replaced by another one that is open", func(i *intake) {
			f := begun(i, "second")
			renameIn(i, "second", "config")
			renameIn(i, "config", "config.bak")
			i.t.Cleanup(func() { f.Close() })
		}, []string{"config", "config.bak"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newIntake(t, "--settle", "100ms")
			writeFile(t, i.path("config"), "old")
			i.publish()
			f := begun(i, ".config.tmp")
			renameIn(i, ".config.tmp", "config")
			c.after(i)
			for range 2 {
				clfsload(t, "publish", i.point).mustExit(exitIncomplete)
				mustHoldIn(i, c.holds, "old")
			}
			mustNotHaveDamage(i)
			must(t, f.Close())
			if c.ends == nil {
				return
			}
			i.publish()
			i.mustBePublished()
			mustHaveNames(i, c.ends)
		})
	}
}

// The same when the writer was cut off.
func TestAReplacedFileStaysAfterAKill(t *testing.T) {
	i := newIntake(t, "--settle", "100ms")
	writeFile(t, i.path("config"), "old")
	i.publish()
	f := begun(i, ".config.tmp")
	defer f.Close()
	renameIn(i, ".config.tmp", "config")
	renameIn(i, "config", "config.bak")
	i.killed()
	i.again()
	clfsload(t, "publish", i.point).mustExit(exitIncomplete)
	mustHoldIn(i, []string{"config", "config.bak"}, "old")
	writeFile(t, i.path("config.bak"), "new")
	i.publish()
	i.mustBePublished()
	mustHaveNames(i, []string{"config.bak"})
}

// What is removed takes with it what it has replaced.
func TestAReplacedFileGoesWithItsSuccessor(t *testing.T) {
	i := newIntake(t, "--settle", "100ms")
	writeFile(t, i.path("config"), "old")
	i.publish()
	f := begun(i, ".config.tmp")
	renameIn(i, ".config.tmp", "config")
	renameIn(i, "config", "config.bak")
	clfsload(t, "publish", i.point).mustExit(exitIncomplete)
	must(t, os.Remove(i.path("config.bak")))
	must(t, f.Close())
	i.publish()
	i.mustBePublished()
	mustHaveNames(i, nil)
}

// begun is a new file that is open and has some contents.
func begun(i *intake, name string) *os.File {
	i.t.Helper()
	f, err := os.Create(i.path(name))
	must(i.t, err)
	_, err = f.WriteString("begun")
	must(i.t, err)
	return f
}

func renameIn(i *intake, from, to string) {
	i.t.Helper()
	must(i.t, os.Rename(i.path(from), i.path(to)))
}

// mustHoldIn wants a text to be the contents of one of some files in the container.
func mustHoldIn(i *intake, names []string, text string) {
	i.t.Helper()
	for _, name := range names {
		if res := clfsload(i.t, "cat", i.target, "/"+name); res.code == exitOK && res.stdout == text {
			return
		}
	}
	i.t.Errorf("none of %q has %q in the container", names, text)
}

func mustNotHaveDamage(i *intake) {
	i.t.Helper()
	clfsload(i.t, "verify", i.target).mustExit(exitOK)
}

func mustHaveNames(i *intake, names []string) {
	i.t.Helper()
	tree := readContainer(i.t, i.blobs()).Tree
	for _, name := range names {
		if _, there := tree[name]; !there {
			i.t.Errorf("%s is missing", name)
		}
	}
	if len(tree) != len(names)+1 {
		i.t.Errorf("the container has %v, not %q", tree, names)
	}
}
