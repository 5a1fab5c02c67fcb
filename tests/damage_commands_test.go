package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryCommandNamesTheObjectThatIsDamaged(t *testing.T) {
	for _, b := range brokenContainers {
		t.Run(b.name, func(t *testing.T) {
			target := goldenContainer(t, "lz4")
			blob, id := b.blobOf(t, target)
			b.change(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))

			clfsload(t, "verify", target).mustExit(exitDamaged).mustSay(b.kind, id, brokenFile)
			clfsload(t, "cat", target, brokenFile).mustExit(exitDamaged).mustSay(id, brokenFile)
			clfsload(t, "export", target, "/sizes", t.TempDir()).mustExit(exitDamaged).mustSay(id, brokenFile)
			if b.readable {
				clfsload(t, "ls", "-l", target, "/sizes").mustExit(exitOK)
				return
			}
			clfsload(t, "ls", "-l", target, "/sizes").mustExit(exitDamaged).mustSay(id, "text-8404992\n")
			clfsload(t, "ls", "-R", "--json", target).mustExit(exitDamaged).mustSay(id)
			clfsload(t, "stat", target, brokenFile).mustExit(exitDamaged).mustSay(id)
			clfsload(t, "du", target).mustExit(exitDamaged).mustSay(id)
		})
	}
}

func TestVerifyTellsItsFindingsAsJSON(t *testing.T) {
	target := goldenContainer(t, "lz4")
	blob, id := broken{segment: 1}.blobOf(t, target)
	remove(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))
	out := clfsload(t, "verify", "--json", target).mustExit(exitDamaged).stdout
	lines := strings.Split(strings.TrimSpace(out), "\n")
	damage := 0
	for _, line := range lines[:len(lines)-1] {
		var f struct{ Severity, Kind, Path, Object, Detail string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if f.Severity == "damage" {
			damage++
			if f.Kind != "missing-object" || f.Path != brokenFile || !strings.Contains(f.Object, id) {
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
	source, target := filepath.Join(t.TempDir(), "source"), goldenContainer(t, "lz4")
	if out, err := exec.Command("cp", "-a", goldenTree(t), source).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	flipByte(t, filepath.Join(source, "sizes/text-8404993"), 8400000)
	writeFile(t, filepath.Join(source, "modes/extra"), "x")
	remove(t, filepath.Join(source, "names/.hidden"))
	clfsload(t, "verify", "--source", source, target).mustExit(exitDamaged).
		mustSay("/sizes/text-8404993", "the bytes differ", "/modes/extra", "not in the container", "/names/.hidden", "no such file", "the container and the source differ")
}

func TestVerifyFindsNamesOfOneFileThatAreSeveralInTheSource(t *testing.T) {
	source := t.TempDir()
	writeFile(t, filepath.Join(source, "a"), "contents")
	for _, name := range []string{"b", "c"} {
		must(t, os.Link(filepath.Join(source, "a"), filepath.Join(source, name)))
	}
	joined, alone := newTransfer(t, source), newTransfer(t, source)
	clfsload(t, joined.begin("--preserve-hardlinks")...).mustExit(exitOK)
	clfsload(t, alone.begin()...).mustExit(exitOK)
	verify := func(tr transfer) result { return clfsload(t, "verify", "--source", source, "dir:"+tr.blobs) }
	verify(joined).mustExit(exitOK)
	as, err := os.Stat(source)
	must(t, err)
	parted := filepath.Join(source, "b")
	runTool(t, "cp", "-a", parted, parted+".new")
	must(t, os.Rename(parted+".new", parted))
	must(t, os.Chtimes(source, time.Time{}, as.ModTime()))
	found := verify(joined).mustExit(exitDamaged).mustSay(`"/b"`, `is one file with "/a"`)
	if n := strings.Count(found.stdout, "damage: source:"); n != 1 {
		t.Errorf("%d findings:\n%s", n, found.stdout)
	}
	verify(alone).mustExit(exitOK)
}
