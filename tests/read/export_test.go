package read

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/tests/azurite"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// The exit codes of reading.
const (
	exitNotFound = 15
)

func TestContainersOfCLFSLoadComeOutAsTheirSource(t *testing.T) {
	source := trees.List(t, trees.Golden(t))
	for _, name := range []string{"lz4", "raw"} {
		t.Run(name, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "out")
			harness.Clfsload(t, "export", trees.GoldenContainer(t, name), dest).MustExit(harness.ExitOK).MustSay("exported")
			scope := inventory.Scope{HardLinks: name == "lz4"}
			got := trees.AsCLFSLoadKeeps(trees.List(t, dest))
			trees.ReportLines(t, "the export differs from the golden tree", inventory.Compare(trees.AsCLFSLoadKeeps(source), got, scope))
		})
	}
}

// copies loads a tree, exports it, and wants the same tree.
func copies(t *testing.T, source, target string, options ...harness.Option) {
	t.Helper()
	before := trees.List(t, source)
	state, dest := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "out")
	harness.Command(t, []string{"load", "--new", "--preserve-hardlinks", "--verify", state, source, target}, options...).Start().Wait().MustExit(harness.ExitOK).MustSay("sound")
	harness.Command(t, []string{"export", target, dest}, options...).Start().Wait().MustExit(harness.ExitOK)
	trees.ReportLines(t, "what came out differs from what went in", inventory.Compare(before, trees.List(t, dest), trees.AsLeft))
	harness.Command(t, []string{"verify", "--source", source, target}, options...).Start().Wait().MustExit(harness.ExitOK).MustSay("sound")
}

func TestATreeComesBackAsItWasLoaded(t *testing.T) {
	copies(t, trees.Golden(t), "dir:"+filepath.Join(t.TempDir(), "container"))
}

func TestATreeComesBackThroughTheServiceAsItWasLoaded(t *testing.T) {
	server := azurite.Start(t)
	copies(t, trees.Golden(t), server.ContainerURL(server.NewContainer(t)), remote.Account(server))
}

func TestAPartOfATreeIsExportedAlone(t *testing.T) {
	target, dest := trees.GoldenContainer(t, "lz4"), t.TempDir()
	harness.Clfsload(t, "export", target, "/links/other", filepath.Join(dest, "other")).MustExit(harness.ExitOK)
	harness.Clfsload(t, "export", target, "sizes/text-100", dest).MustExit(harness.ExitOK)
	tree := trees.List(t, dest)
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
	harness.WriteFiles(t, source, 3000)
	before := trees.List(t, source)
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	dest := filepath.Join(t.TempDir(), "out")
	for _, count := range []int{10, 500, 1500} {
		r := harness.Command(t, []string{"export", "dir:" + tr.Blobs, dest}).Start()
		harness.WaitForBlobs(r, dest, count)
		if err := r.Command.Process.Kill(); err != nil && !r.Ended() {
			t.Fatal(err)
		}
		r.Wait()
	}
	harness.Clfsload(t, "export", "dir:"+tr.Blobs, dest).MustExit(harness.ExitOK).MustSay("existed already")
	trees.ReportLines(t, "the export differs from its source", inventory.Compare(before, trees.List(t, dest), trees.AsLeft))
}

func TestExportReplacesNothingUnlessTold(t *testing.T) {
	target, dest := trees.GoldenContainer(t, "lz4"), t.TempDir()
	harness.Clfsload(t, "export", target, "/modes", dest).MustExit(harness.ExitOK)
	mine := filepath.Join(dest, "setuid")
	harness.WriteFile(t, mine, "mine")
	harness.Clfsload(t, "export", target, "/modes", dest).MustExit(1).MustSay("/modes/setuid", "not replaced")
	harness.Clfsload(t, "export", "--keep-going", target, "/modes", dest).MustExit(harness.ExitIncomplete).MustSay("/modes/setuid", "not replaced")
	if text, _ := os.ReadFile(mine); string(text) != "mine" {
		t.Errorf("now holds %q", text)
	}
	harness.Clfsload(t, "export", "--overwrite", target, "/modes", dest).MustExit(harness.ExitOK)
	if text, _ := os.ReadFile(mine); string(text) != "#!/bin/sh\n" {
		t.Errorf("now holds %q", text)
	}
}

func TestARescueBringsOutWhatIsLeftAndReportsTheRest(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	directory := strings.TrimPrefix(target, "dir:")
	blobs, err := filepath.Glob(filepath.Join(directory, "0000006457871C6B_*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("root blobs %q, %v", blobs, err)
	}
	if err := os.Remove(blobs[0]); err != nil {
		t.Fatal(err)
	}
	dest, report := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "report")
	harness.Clfsload(t, "export", "--keep-going", target, dest).MustExit(harness.ExitDamaged).MustSay("--lost-found")
	harness.Clfsload(t, "export", target, dest).MustExit(harness.ExitDamaged).MustSay("no root directory", "--lost-found")
	harness.Clfsload(t, "export", "--keep-going", "--lost-found", "--report", report, target, dest).MustExit(harness.ExitIncomplete).MustSay("root is lost")
	rescued := trees.List(t, filepath.Join(dest, "clfsload-lost+found", clfs.RootID.String()))
	original := trees.List(t, trees.Golden(t))
	rescued["."], original["."] = inventory.Entry{}, inventory.Entry{}
	trees.ReportLines(t, "the rescued tree differs from the golden tree", inventory.Compare(trees.AsCLFSLoadKeeps(original), trees.AsCLFSLoadKeeps(rescued), trees.AsLeft))
}

func TestARescueReportIsLinesOfJSON(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	out := harness.Clfsload(t, "stat", "--json", target, "/links/h1").MustExit(harness.ExitOK)
	var stat struct{ Blob, ID string }
	if err := json.Unmarshal([]byte(out.Stdout), &stat); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(strings.TrimPrefix(target, "dir:"), stat.Blob)); err != nil {
		t.Fatal(err)
	}
	dest, report := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "report")
	harness.Clfsload(t, "export", "--keep-going", "--report", report, target, dest).MustExit(harness.ExitIncomplete)
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
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	harness.Must(t, os.MkdirAll(filepath.Join(tr.Source, "z"), 0o755))
	trees.WriteNoise(t, filepath.Join(tr.Source, "a"), 9<<20, trees.SeededRandom(t))
	harness.Must(t, os.Link(filepath.Join(tr.Source, "a"), filepath.Join(tr.Source, "z", "b")))
	harness.Clfsload(t, tr.Begin("--preserve-hardlinks")...).MustExit(harness.ExitOK)
	segments, err := filepath.Glob(filepath.Join(tr.Blobs, "*.0008.*"))
	harness.Must(t, err)
	for _, segment := range segments {
		harness.Must(t, os.Remove(segment))
	}
	out := filepath.Join(directory, "out")
	harness.Must(t, os.MkdirAll(filepath.Join(out, "z"), 0o755))
	for _, name := range []string{"a", "z/b"} {
		harness.WriteFile(t, filepath.Join(out, name), "old")
	}
	harness.Clfsload(t, "export", "--keep-going", "--overwrite", "dir:"+tr.Blobs, out).MustExit(harness.ExitIncomplete).MustSay("/a", "/z/b", "are lost")
	first, err := os.Stat(filepath.Join(out, "a.clfsload-damaged"))
	harness.Must(t, err)
	second, err := os.Stat(filepath.Join(out, "z", "b.clfsload-damaged"))
	harness.Must(t, err)
	if !os.SameFile(first, second) {
		t.Error("two names of one file came out as two")
	}
}

// A directory's mode may forbid its owner to enter it.
func TestDirectoriesThatForbidEntryAreExportedAndExportedAgain(t *testing.T) {
	directory := t.TempDir()
	harness.OpenToAll(t, directory)
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	then := time.Unix(1e9, 0)
	for name, mode := range map[string]os.FileMode{"closed": 0, "listed": 0o444, "entered": 0o311} {
		path := filepath.Join(tr.Source, name)
		harness.Must(t, os.MkdirAll(path, 0o755))
		harness.WriteFile(t, filepath.Join(path, "file"), name)
		harness.Must(t, os.Chtimes(path, then, then))
		harness.Must(t, os.Chmod(path, mode))
	}
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	harness.RunTool(t, "chmod", "-R", "a+rX", tr.Blobs)
	out := filepath.Join(directory, "out")
	harness.Must(t, os.Mkdir(out, 0o755))
	harness.Must(t, os.Chown(out, harness.Nobody, harness.Nobody))
	for range 2 {
		r := harness.Command(t, []string{"export", "dir:" + tr.Blobs, out})
		harness.AsNobody(r.Command)
		r.Start().Wait().MustExit(harness.ExitOK)
	}
	for name, mode := range map[string]os.FileMode{"closed": 0, "listed": 0o444, "entered": 0o311} {
		info, err := os.Stat(filepath.Join(out, name))
		harness.Must(t, err)
		if info.Mode().Perm() != mode || !info.ModTime().Equal(then) {
			t.Errorf("%s: %s, %s", name, info.Mode(), info.ModTime())
		}
	}
}

// A path may be longer than the kernel takes in one piece.
func TestATreeThatIsDeeperThanPathsMayBeLongComesThrough(t *testing.T) {
	directory := t.TempDir()
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	harness.Must(t, os.Mkdir(tr.Source, 0o755))
	root, err := os.OpenRoot(tr.Source)
	harness.Must(t, err)
	defer root.Close()
	deep := "."
	for range 25 {
		deep = filepath.Join(deep, strings.Repeat("d", 200))
		harness.Must(t, root.Mkdir(deep, 0o755))
	}
	harness.Must(t, root.WriteFile(filepath.Join(deep, "file"), []byte("deep"), 0o644))
	harness.Must(t, root.Symlink("file", filepath.Join(deep, "link")))
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs, "--source", tr.Source).MustExit(harness.ExitOK)
	out := filepath.Join(directory, "out")
	harness.Clfsload(t, "export", "dir:"+tr.Blobs, out).MustExit(harness.ExitOK)
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs, "--source", out).MustExit(harness.ExitOK)
	harness.Must(t, root.WriteFile(filepath.Join(deep, "file"), []byte("DEEP"), 0o644))
	harness.Clfsload(t, "verify", "dir:"+tr.Blobs, "--source", tr.Source).MustExit(harness.ExitDamaged)
}
