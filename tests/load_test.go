package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/inventory"
)

// The exit codes that users rely on; docs/exit-codes.md explains them.
const (
	exitOK          = 0
	exitUsage       = 2
	exitIncomplete  = 3
	exitSource      = 4
	exitState       = 5
	exitNoContainer = 6
	exitNotEmpty    = 7
	exitCredentials = 8
	exitPermission  = 9
	exitNoSpace     = 10
	exitBusy        = 11
	exitUnreachable = 13
	exitInterrupted = 130
	exitTerminated  = 143
)

// transfer is a load into a directory: its three places.
type transfer struct {
	state  string // does not exist yet
	source string
	blobs  string // the directory of the container, does not exist yet
}

func newTransfer(t *testing.T, source string) transfer {
	t.Helper()
	directory := t.TempDir()
	return transfer{state: filepath.Join(directory, "state"), source: source, blobs: filepath.Join(directory, "container")}
}

// begin is the command line of the first run.
func (tr transfer) begin(flags ...string) []string {
	return append([]string{"load", "--new", tr.state, tr.source, "dir:" + tr.blobs}, flags...)
}

// resume is the command line of every further run.
func (tr transfer) resume(flags ...string) []string {
	return append([]string{"load", tr.state, tr.source, "dir:" + tr.blobs}, flags...)
}

// loads loads source into a new directory and wants all of it back.
func loads(t *testing.T, source string, scope inventory.Scope, flags ...string) (inventory.Contents, result) {
	t.Helper()
	before := listTree(t, source)
	tr := newTransfer(t, source)
	res := clfsload(t, tr.begin(flags...)...).mustExit(exitOK)
	return mustHold(t, before, directoryBlobs(t, tr.blobs), scope), res
}

func TestLoadKeepsTheGoldenTree(t *testing.T) {
	source := goldenTree(t)
	for _, c := range []struct {
		name      string
		flags     []string
		hardLinks bool
		lz4       bool
	}{
		{"LZ4", []string{"--compression", "LZ4"}, false, true},
		{"LZ4 hard links", []string{"--preserve-hardlinks"}, true, true},
		{"DISABLED", []string{"--compression", "DISABLED"}, false, false},
		{"DISABLED hard links", []string{"--compression=DISABLED", "--preserve-hardlinks=1"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			scope := inventory.Full
			scope.HardLinks = c.hardLinks
			contents, _ := loads(t, source, scope, c.flags...)
			if (contents.LZ4 > 0) != c.lz4 {
				t.Errorf("%d compressed blobs", contents.LZ4)
			}
			if contents.RootName != "tree" {
				t.Errorf("the root is called %q", contents.RootName)
			}
		})
	}
}

// goroot is a real tree that every machine with these tests has.
func goroot(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// shared is for trees that other programs read while a test runs.
var shared = inventory.Scope{HardLinks: true, Ctime: true, FileID: true}

func TestLoadKeepsTheGoToolchain(t *testing.T) {
	contents, res := loads(t, goroot(t), shared, "--preserve-hardlinks")
	if contents.RootName != filepath.Base(goroot(t)) {
		t.Errorf("the root is called %q", contents.RootName)
	}
	if contents.LZ4 < contents.Objects/2 {
		t.Errorf("only %d blobs of %d files are compressed", contents.LZ4, contents.Objects)
	}
	res.mustSay("published")
}

func TestLoadTakesTheSpellingOfCLFSLoad(t *testing.T) {
	source := goldenTree(t)
	for name, flags := range map[string][]string{
		"value apart":   {"--preserve_hardlinks", "1", "--compression", "DISABLED"},
		"value joined":  {"--preserve_hardlinks=1"},
		"off":           {"--preserve_hardlinks", "0"},
		"flags first":   {"--dirmgr_count", "3"},
		"uppercase log": {"--log_level", "debug"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTransfer(t, source)
			arguments := append([]string{"load"}, flags...)
			arguments = append(arguments, tr.begin()[1:]...)
			clfsload(t, arguments...).mustExit(exitOK)
			contents := readContainer(t, directoryBlobs(t, tr.blobs))
			wantLinked := strings.Contains(strings.Join(flags, " "), "hardlinks 1") || strings.Contains(strings.Join(flags, " "), "hardlinks=1")
			if linked := contents.Tree["links/h2"].Group == "links/h1"; linked != wantLinked {
				t.Errorf("hard links preserved: %v", linked)
			}
		})
	}
}

func TestSecondRunSaysAlreadyComplete(t *testing.T) {
	source := goldenTree(t)
	tr := newTransfer(t, source)
	clfsload(t, tr.begin()...).mustExit(exitOK)
	before := readContainer(t, directoryBlobs(t, tr.blobs))
	clfsload(t, tr.resume()...).mustExit(exitOK).mustSay("already complete")
	after := readContainer(t, directoryBlobs(t, tr.blobs))
	reportLines(t, "the second run changed the container", inventory.Compare(before.Tree, after.Tree, inventory.Full))
}

func TestVersionIsTold(t *testing.T) {
	clfsload(t, "--version").mustExit(exitOK).mustSay("clfsload test")
}

// writeFile makes a small file with the given bytes.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The listing of an empty source ends before anything else begins: whoever
// waits for work must notice in whatever order it happens.
func TestEmptySourceIsATreeOfItsRootAlone(t *testing.T) {
	source := t.TempDir()
	for range 25 {
		contents, _ := loads(t, source, inventory.Full)
		if contents.Objects != 1 {
			t.Errorf("%d objects", contents.Objects)
		}
	}
}
