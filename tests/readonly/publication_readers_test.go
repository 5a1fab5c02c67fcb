package readonly

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// momentsOf collects what the container holds after each change that is made to it
// while do runs, each state once.
func momentsOf(t *testing.T, c *remote.Lethal, do func()) (targets []string) {
	t.Helper()
	var mu sync.Mutex
	var moments []inventory.Blobs
	var look func()
	look = func() {
		mu.Lock()
		defer mu.Unlock()
		moments = append(moments, c.Inventory())
		c.At(1, true, look)
	}
	c.At(1, true, look)
	do()
	c.At(0, false, nil)
	mu.Lock()
	defer mu.Unlock()
	seen := map[string]bool{}
	for _, m := range moments {
		if key := newestObjects(m.Names); !seen[key] {
			seen[key] = true
			targets = append(targets, trees.Unpacked(t, m))
		}
	}
	return targets
}

// newestObjects lists the blobs that hold the newest version of an object.
func newestObjects(blobs []string) string {
	newest := map[clfs.ID]clfs.Name{}
	for _, blob := range blobs {
		if n, err := clfs.ParseName(blob); err == nil && n.Version >= newest[n.ID].Version {
			newest[n.ID] = n
		}
	}
	return fmt.Sprint(newest)
}

// turnedOver publishes a mount in which directories moved below others that were below them,
// files and directories moved, and others of one name changed places. It returns the states that the
// container had meanwhile, and the files.
func turnedOver(t *testing.T) (targets, files []string) {
	t.Helper()
	c := remote.NewLethal(t)
	i := mounted.NewIntakeInto(t, c.URL, "--settle", "0s")
	at := func(path string) string { return filepath.Join(i.Point, path) }
	for _, path := range []string{"d/e", "w/p/q/r", "a/sub/below", "b", "one/n", "two/n"} {
		harness.Must(t, os.MkdirAll(at(path), 0o755))
	}
	for n, dir := range []string{"d", "d/e", "w/p", "w/p/q", "w/p/q/r", "a", "a/sub/below", "one/n", "two/n"} {
		name := fmt.Sprintf("file-%d", n)
		harness.WriteFile(t, at(dir+"/"+name), name)
		files = append(files, name)
	}
	i.Publish()
	for _, move := range [][2]string{{"d/e", "e"}, {"d", "e/d"}, {"w/p/q/r", "w/r"}, {"w/p/q", "w/r/q"}, {"w/p", "w/r/q/p"},
		{"a/sub", "b/sub"}, {"a/file-5", "b/file-5"}} {
		harness.Must(t, os.Rename(at(move[0]), at(move[1])))
	}
	harness.Must(t, unix.Renameat2(unix.AT_FDCWD, at("one/n"), unix.AT_FDCWD, at("two/n"), unix.RENAME_EXCHANGE))
	i.Flush()
	targets = momentsOf(t, c, func() { i.Publish() })
	return targets, files
}

// mustHaveEach wants a file of each name below a directory, with its name in it.
func mustHaveEach(t *testing.T, root string, files []string) {
	t.Helper()
	found := map[string]bool{}
	harness.Must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if string(text) != e.Name() {
			t.Errorf("%s has %q", path, text)
		}
		found[e.Name()] = true
		return err
	}))
	for _, name := range files {
		if !found[name] {
			t.Errorf("%s is missing in %s", name, root)
		}
	}
}

// At every moment of a publication each reader ends, finds every file, and calls nothing
// damaged.
func TestReadersFindEverythingAtEveryMomentOfAPublication(t *testing.T) {
	targets, files := turnedOver(t)
	looped := ""
	for n, target := range targets {
		t.Run(fmt.Sprint("moment ", n), func(t *testing.T) {
			verified := harness.Clfsload(t, "verify", target).MustExit(harness.ExitOK).MustSay("the container is open")
			readBySelf(t, target, files)
			if strings.Contains(verified.Stdout, "directory-loop") {
				looped = target
				readByMount(t, target, files)
			}
		})
	}
	if looped == "" {
		t.Fatalf("none of %d moments has a directory in two places", len(targets))
	}
	trees.EditBucket(t, strings.TrimPrefix(looped, "dir:"), func(b *object.Bucket) { b.Mark.Open = "" })
	for _, arguments := range [][]string{{"verify", looped}, {"ls", "-R", looped}, {"du", looped}, {"export", looped, t.TempDir()}} {
		harness.Clfsload(t, arguments...).MustExit(harness.ExitDamaged)
	}
}

func readBySelf(t *testing.T, target string, files []string) {
	t.Helper()
	harness.Clfsload(t, "ls", "-lR", target).MustExit(harness.ExitOK).MustSay(files...)
	harness.Clfsload(t, "du", target).MustExit(harness.ExitOK)
	for _, flags := range [][]string{{}, {"--keep-going", "--lost-found"}} {
		dest := t.TempDir()
		harness.Clfsload(t, append(append([]string{"export"}, flags...), target, dest)...).MustExit(harness.ExitOK).MustSay("the container is open")
		mustHaveEach(t, dest, files)
		if len(flags) > 0 {
			continue
		}
		if code := harness.Clfsload(t, "verify", "--source", dest, target).Code; code != harness.ExitOK && code != harness.ExitDamaged {
			t.Errorf("verify --source ends with %d", code)
		}
	}
}

func readByMount(t *testing.T, target string, files []string) {
	t.Helper()
	m := mounted.ReadOnly(t, target)
	for _, arguments := range [][]string{{"find", m.Point, "-ls"}, {"ls", "-lRa", m.Point}, {"du", m.Point}} {
		out, err := exec.Command(arguments[0], arguments[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", arguments, err, out)
		}
		for _, name := range files {
			if arguments[0] != "du" && !strings.Contains(string(out), name) {
				t.Errorf("%q does not find %s:\n%s", arguments, name, out)
			}
		}
	}
	for _, arguments := range [][]string{{"cp", "-r"}, {"rsync", "-a"}} {
		dest := t.TempDir()
		out, err := exec.Command(arguments[0], append(arguments[1:], m.Point+"/.", dest)...).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", arguments, err, out)
		}
		mustHaveEach(t, dest, files)
	}
	mustHaveEach(t, m.Point, files)
	m.Signal(unix.SIGTERM)
	m.Await().MustExit(harness.ExitOK)
	if log := m.Log.Whole(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "the container is open") {
		t.Errorf("the mount logs %s", log)
	}
}

func TestStatusTellsThatAPublicationWasCutOff(t *testing.T) {
	c := remote.NewLethal(t)
	i := mounted.NewIntakeInto(t, c.URL, "--settle", "0s")
	i.Publish()
	harness.WriteFile(t, filepath.Join(i.Point, "file"), "text")
	i.Flush()
	c.At(1, true, i.Kill) // the mark
	harness.Command(t, []string{"publish", i.Point}).Start().Wait()
	i.Await().MustExit(-1)
	c.Bury()
	const cutOff = "and the publication after that was cut off"
	harness.Clfsload(t, "status", i.State).MustExit(harness.ExitOK).MustSay(cutOff)
	harness.Clfsload(t, "inspect", trees.Unpacked(t, c.Inventory()), clfs.BucketID.String()).MustExit(harness.ExitOK).MustSay(`"publication": 2`, `"open": "mount"`)
	i.Again("--settle", "0s")
	i.Publish()
	harness.Clfsload(t, "status", i.State).MustExit(harness.ExitOK).MustNotSay(cutOff)
	harness.Clfsload(t, "unmount", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", trees.Unpacked(t, c.Inventory())).MustExit(harness.ExitOK).MustNotSay("open")
}
