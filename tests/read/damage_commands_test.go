package read

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

func TestEveryCommandNamesTheObjectThatIsDamaged(t *testing.T) {
	for _, b := range trees.BrokenContainers {
		t.Run(b.Name, func(t *testing.T) {
			target := trees.GoldenContainer(t, "lz4")
			blob, id := b.BlobOf(t, target)
			b.Change(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))

			harness.Clfsload(t, "verify", target).MustExit(harness.ExitDamaged).MustSay(b.Kind, id, trees.BrokenFile)
			harness.Clfsload(t, "cat", target, trees.BrokenFile).MustExit(harness.ExitDamaged).MustSay(id, trees.BrokenFile)
			harness.Clfsload(t, "export", target, "/sizes", t.TempDir()).MustExit(harness.ExitDamaged).MustSay(id, trees.BrokenFile)
			if b.Readable {
				harness.Clfsload(t, "ls", "-l", target, "/sizes").MustExit(harness.ExitOK)
				return
			}
			harness.Clfsload(t, "ls", "-l", target, "/sizes").MustExit(harness.ExitDamaged).MustSay(id, "text-8404992\n")
			harness.Clfsload(t, "ls", "-R", "--json", target).MustExit(harness.ExitDamaged).MustSay(id)
			harness.Clfsload(t, "stat", target, trees.BrokenFile).MustExit(harness.ExitDamaged).MustSay(id)
			harness.Clfsload(t, "du", target).MustExit(harness.ExitDamaged).MustSay(id)
		})
	}
}

func TestVerifyTellsItsFindingsAsJSON(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	blob, id := trees.Broken{Segment: 1}.BlobOf(t, target)
	harness.Remove(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))
	out := harness.Clfsload(t, "verify", "--json", target).MustExit(harness.ExitDamaged).Stdout
	lines := strings.Split(strings.TrimSpace(out), "\n")
	damage := 0
	for _, line := range lines[:len(lines)-1] {
		var f struct{ Severity, Kind, Path, Object, Detail string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if f.Severity == "damage" {
			damage++
			if f.Kind != "missing-object" || f.Path != trees.BrokenFile || !strings.Contains(f.Object, id) {
				t.Errorf("finding %+v", f)
			}
		}
	}
	var last struct {
		Sound   bool
		Summary struct{ Damage map[string]int }
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Sound || last.Summary.Damage["missing-object"] != damage || damage != 1 {
		t.Errorf("summary %s, %d findings", lines[len(lines)-1], damage)
	}
}

func TestVerifyFindsWhatDiffersFromTheSource(t *testing.T) {
	source, target := filepath.Join(t.TempDir(), "source"), trees.GoldenContainer(t, "lz4")
	if out, err := exec.Command("cp", "-a", trees.Golden(t), source).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	harness.FlipByte(t, filepath.Join(source, "sizes/text-8404993"), 8400000)
	harness.WriteFile(t, filepath.Join(source, "modes/extra"), "x")
	harness.Remove(t, filepath.Join(source, "names/.hidden"))
	harness.Clfsload(t, "verify", "--source", source, target).MustExit(harness.ExitDamaged).
		MustSay("/sizes/text-8404993", "the bytes differ", "/modes/extra", "not in the container", "/names/.hidden", "no such file", "the container and the source differ")
}

func TestVerifyFindsNamesOfOneFileThatAreSeveralInTheSource(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "a"), "contents")
	for _, name := range []string{"b", "c"} {
		harness.Must(t, os.Link(filepath.Join(source, "a"), filepath.Join(source, name)))
	}
	joined, alone := harness.NewTransfer(t, source), harness.NewTransfer(t, source)
	harness.Clfsload(t, joined.Begin("--preserve-hardlinks")...).MustExit(harness.ExitOK)
	harness.Clfsload(t, alone.Begin()...).MustExit(harness.ExitOK)
	verify := func(tr harness.Transfer) harness.Result {
		return harness.Clfsload(t, "verify", "--source", source, "dir:"+tr.Blobs)
	}
	verify(joined).MustExit(harness.ExitOK)
	as, err := os.Stat(source)
	harness.Must(t, err)
	parted := filepath.Join(source, "b")
	harness.RunTool(t, "cp", "-a", parted, parted+".new")
	harness.Must(t, os.Rename(parted+".new", parted))
	harness.Must(t, os.Chtimes(source, time.Time{}, as.ModTime()))
	found := verify(joined).MustExit(harness.ExitDamaged).MustSay(`"/b"`, `is one file with "/a"`)
	if n := strings.Count(found.Stdout, "damage: source:"); n != 1 {
		t.Errorf("%d findings:\n%s", n, found.Stdout)
	}
	verify(alone).MustExit(harness.ExitOK)
}
