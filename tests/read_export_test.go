package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/tests/azurite"
	"clfsload/tests/inventory"
)

// The exit codes of reading.
const (
	exitNotFound = 15
)

func TestContainersOfCLFSLoadComeOutAsTheirSource(t *testing.T) {
	source := listTree(t, goldenTree(t))
	for _, name := range []string{"lz4", "raw"} {
		t.Run(name, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "out")
			clfsload(t, "export", goldenContainer(t, name), dest).mustExit(exitOK).mustSay("exported")
			scope := inventory.Scope{HardLinks: name == "lz4"}
			got := asCLFSLoadKeeps(listTree(t, dest))
			reportLines(t, "the export differs from the golden tree", inventory.Compare(asCLFSLoadKeeps(source), got, scope))
		})
	}
}

// copies loads a tree, exports it, and wants the same tree.
func copies(t *testing.T, source, target string, options ...option) {
	t.Helper()
	before := listTree(t, source)
	state, dest := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "out")
	command(t, []string{"load", "--new", "--preserve-hardlinks", "--verify", state, source, target}, options...).start().wait().mustExit(exitOK).mustSay("sound")
	command(t, []string{"export", target, dest}, options...).start().wait().mustExit(exitOK)
	reportLines(t, "what came out differs from what went in", inventory.Compare(before, listTree(t, dest), asLeft))
	command(t, []string{"verify", "--source", source, target}, options...).start().wait().mustExit(exitOK).mustSay("sound")
}

func TestATreeComesBackAsItWasLoaded(t *testing.T) {
	copies(t, goldenTree(t), "dir:"+filepath.Join(t.TempDir(), "container"))
}

func TestATreeComesBackThroughTheServiceAsItWasLoaded(t *testing.T) {
	server := azurite.Start(t)
	copies(t, goldenTree(t), server.ContainerURL(server.NewContainer(t)), account(server))
}

func TestAPartOfATreeIsExportedAlone(t *testing.T) {
	target, dest := goldenContainer(t, "lz4"), t.TempDir()
	clfsload(t, "export", target, "/links/other", filepath.Join(dest, "other")).mustExit(exitOK)
	clfsload(t, "export", target, "sizes/text-100", dest).mustExit(exitOK)
	tree := listTree(t, dest)
	for path, want := range map[string]clfs.Type{"other/h3": clfs.TypeRegular, "other/s2": clfs.TypeSymlink, "text-100": clfs.TypeRegular} {
		if tree[path].Type != want {
			t.Errorf("%s: %v", path, tree[path])
		}
	}
	if len(tree) != 5 {
		t.Errorf("%d entries: %v", len(tree), tree)
	}
}

func TestAKilledExportGoesOnAndLeavesNothingHalf(t *testing.T) {
	source := t.TempDir()
	writeFiles(t, source, 3000)
	before := listTree(t, source)
	tr := newTransfer(t, source)
	clfsload(t, tr.begin()...).mustExit(exitOK)
	dest := filepath.Join(t.TempDir(), "out")
	for _, count := range []int{10, 500, 1500} {
		r := command(t, []string{"export", "dir:" + tr.blobs, dest}).start()
		waitForBlobs(r, dest, count)
		if err := r.command.Process.Kill(); err != nil && !r.ended() {
			t.Fatal(err)
		}
		r.wait()
	}
	clfsload(t, "export", "dir:"+tr.blobs, dest).mustExit(exitOK).mustSay("existed already")
	reportLines(t, "the export differs from its source", inventory.Compare(before, listTree(t, dest), asLeft))
}

func TestExportReplacesNothingUnlessTold(t *testing.T) {
	target, dest := goldenContainer(t, "lz4"), t.TempDir()
	clfsload(t, "export", target, "/modes", dest).mustExit(exitOK)
	mine := filepath.Join(dest, "setuid")
	writeFile(t, mine, "mine")
	clfsload(t, "export", target, "/modes", dest).mustExit(1).mustSay("/modes/setuid", "not replaced")
	clfsload(t, "export", "--keep-going", target, "/modes", dest).mustExit(exitIncomplete).mustSay("/modes/setuid", "not replaced")
	if text, _ := os.ReadFile(mine); string(text) != "mine" {
		t.Errorf("now holds %q", text)
	}
	clfsload(t, "export", "--overwrite", target, "/modes", dest).mustExit(exitOK)
	if text, _ := os.ReadFile(mine); string(text) != "#!/bin/sh\n" {
		t.Errorf("now holds %q", text)
	}
}

func TestARescueBringsOutWhatIsLeftAndReportsTheRest(t *testing.T) {
	target := goldenContainer(t, "lz4")
	directory := strings.TrimPrefix(target, "dir:")
	blobs, err := filepath.Glob(filepath.Join(directory, "0000006457871C6B_*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("root blobs %q, %v", blobs, err)
	}
	if err := os.Remove(blobs[0]); err != nil {
		t.Fatal(err)
	}
	dest, report := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "report")
	clfsload(t, "export", "--keep-going", target, dest).mustExit(exitDamaged).mustSay("--lost-found")
	clfsload(t, "export", target, dest).mustExit(exitDamaged).mustSay("no root directory", "--lost-found")
	clfsload(t, "export", "--keep-going", "--lost-found", "--report", report, target, dest).mustExit(exitIncomplete).mustSay("root is lost")
	rescued := listTree(t, filepath.Join(dest, "clfsload-lost+found", clfs.RootID.String()))
	original := listTree(t, goldenTree(t))
	rescued["."], original["."] = inventory.Entry{}, inventory.Entry{}
	reportLines(t, "the rescued tree differs from the golden tree", inventory.Compare(asCLFSLoadKeeps(original), asCLFSLoadKeeps(rescued), asLeft))
}

func TestARescueReportIsLinesOfJSON(t *testing.T) {
	target := goldenContainer(t, "lz4")
	out := clfsload(t, "stat", "--json", target, "/links/h1").mustExit(exitOK)
	var stat struct{ Blob, ID string }
	if err := json.Unmarshal([]byte(out.stdout), &stat); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(strings.TrimPrefix(target, "dir:"), stat.Blob)); err != nil {
		t.Fatal(err)
	}
	dest, report := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "report")
	clfsload(t, "export", "--keep-going", "--report", report, target, dest).mustExit(exitIncomplete)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var f struct{ Path, Object, Reason string }
		if err := json.Unmarshal([]byte(line), &f); err != nil || !strings.Contains(f.Object, stat.ID) || f.Reason == "" {
			t.Errorf("line %q: %v", line, err)
		}
		paths[f.Path] = true
	}
	if len(paths) != 3 || !paths["/links/h1"] || !paths["/links/h2"] || !paths["/links/other/h3"] {
		t.Errorf("paths %v", paths)
	}
}

// All names of a file that is damaged are those of what is left of it, and nothing that
// stood there before passes for it.
func TestAllNamesOfADamagedFileComeOutDamaged(t *testing.T) {
	directory := t.TempDir()
	tr := transfer{state: filepath.Join(directory, "state"), source: filepath.Join(directory, "source"), blobs: filepath.Join(directory, "container")}
	must(t, os.MkdirAll(filepath.Join(tr.source, "z"), 0o755))
	writeNoise(t, filepath.Join(tr.source, "a"), 9<<20, seededRandom(t))
	must(t, os.Link(filepath.Join(tr.source, "a"), filepath.Join(tr.source, "z", "b")))
	clfsload(t, tr.begin("--preserve-hardlinks")...).mustExit(exitOK)
	segments, err := filepath.Glob(filepath.Join(tr.blobs, "*.0008.*"))
	must(t, err)
	for _, segment := range segments {
		must(t, os.Remove(segment))
	}
	out := filepath.Join(directory, "out")
	must(t, os.MkdirAll(filepath.Join(out, "z"), 0o755))
	for _, name := range []string{"a", "z/b"} {
		writeFile(t, filepath.Join(out, name), "old")
	}
	clfsload(t, "export", "--keep-going", "--overwrite", "dir:"+tr.blobs, out).mustExit(exitIncomplete).mustSay("/a", "/z/b", "are lost")
	first, err := os.Stat(filepath.Join(out, "a.clfsload-damaged"))
	must(t, err)
	second, err := os.Stat(filepath.Join(out, "z", "b.clfsload-damaged"))
	must(t, err)
	if !os.SameFile(first, second) {
		t.Error("two names of one file came out as two")
	}
}

// A directory's mode may forbid its owner to enter it.
func TestDirectoriesThatForbidEntryAreExportedAndExportedAgain(t *testing.T) {
	directory := t.TempDir()
	openToAll(t, directory)
	tr := transfer{state: filepath.Join(directory, "state"), source: filepath.Join(directory, "source"), blobs: filepath.Join(directory, "container")}
	then := time.Unix(1e9, 0)
	for name, mode := range map[string]os.FileMode{"closed": 0, "listed": 0o444, "entered": 0o311} {
		path := filepath.Join(tr.source, name)
		must(t, os.MkdirAll(path, 0o755))
		writeFile(t, filepath.Join(path, "file"), name)
		must(t, os.Chtimes(path, then, then))
		must(t, os.Chmod(path, mode))
	}
	clfsload(t, tr.begin()...).mustExit(exitOK)
	runTool(t, "chmod", "-R", "a+rX", tr.blobs)
	out := filepath.Join(directory, "out")
	must(t, os.Mkdir(out, 0o755))
	must(t, os.Chown(out, nobody, nobody))
	for range 2 {
		r := command(t, []string{"export", "dir:" + tr.blobs, out})
		asNobody(r.command)
		r.start().wait().mustExit(exitOK)
	}
	for name, mode := range map[string]os.FileMode{"closed": 0, "listed": 0o444, "entered": 0o311} {
		info, err := os.Stat(filepath.Join(out, name))
		must(t, err)
		if info.Mode().Perm() != mode || !info.ModTime().Equal(then) {
			t.Errorf("%s: %s, %s", name, info.Mode(), info.ModTime())
		}
	}
}

// A path may be longer than the kernel takes in one piece.
func TestATreeThatIsDeeperThanPathsMayBeLongComesThrough(t *testing.T) {
	directory := t.TempDir()
	tr := transfer{state: filepath.Join(directory, "state"), source: filepath.Join(directory, "source"), blobs: filepath.Join(directory, "container")}
	must(t, os.Mkdir(tr.source, 0o755))
	root, err := os.OpenRoot(tr.source)
	must(t, err)
	defer root.Close()
	deep := "."
	for range 25 {
		deep = filepath.Join(deep, strings.Repeat("d", 200))
		must(t, root.Mkdir(deep, 0o755))
	}
	must(t, root.WriteFile(filepath.Join(deep, "file"), []byte("deep"), 0o644))
	must(t, root.Symlink("file", filepath.Join(deep, "link")))
	clfsload(t, tr.begin()...).mustExit(exitOK)
	clfsload(t, "verify", "dir:"+tr.blobs, "--source", tr.source).mustExit(exitOK)
	out := filepath.Join(directory, "out")
	clfsload(t, "export", "dir:"+tr.blobs, out).mustExit(exitOK)
	clfsload(t, "verify", "dir:"+tr.blobs, "--source", out).mustExit(exitOK)
	must(t, root.WriteFile(filepath.Join(deep, "file"), []byte("DEEP"), 0o644))
	clfsload(t, "verify", "dir:"+tr.blobs, "--source", tr.source).mustExit(exitDamaged)
}
