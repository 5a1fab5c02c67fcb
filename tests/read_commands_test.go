package tests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestLsLooksLikeLs(t *testing.T) {
	target := goldenContainer(t, "lz4")
	names := clfsload(t, "ls", target).mustExit(exitOK).stdout
	want := "dir-first-segment-overflow\ndir-two-other-segments\nempty\nlinks\nmodes\nnames\nsizes\nspecial\n"
	if names != want {
		t.Errorf("ls prints %q", names)
	}
	long := clfsload(t, "ls", "-l", target, "/special").mustExit(exitOK).stdout
	for _, pattern := range []string{
		`(?m)^brw-r----- +1 0 +0 +259, 65536 2014-05-1\d .* blk-259-65536$`,
		`(?m)^prw-r----- .* fifo$`, `(?m)^srwxr-xr-x .* sock$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(long) {
			t.Errorf("ls -l prints nothing like %s:\n%s", pattern, long)
		}
	}
	clfsload(t, "ls", "-l", target, "links").mustExit(exitOK).mustSay("dangling -> /does/not/exist")
	all := clfsload(t, "ls", "-R", target).mustExit(exitOK).mustSay("/empty/nested:\ndeeper\n", ".hidden", "with\nnewline").stdout
	if lines := strings.Count(all, "\n"); lines < 4560 {
		t.Errorf("ls -R prints %d lines", lines)
	}
	clfsload(t, "ls", target, "names/.hidden").mustExit(exitOK).mustSay("names/.hidden\n")
}

func TestLsTellsEveryInodeAsJSON(t *testing.T) {
	target := goldenContainer(t, "lz4")
	out := clfsload(t, "ls", "-R", "--json", target).mustExit(exitOK).stdout
	types := map[string]int{}
	notText := ""
	for line := range strings.Lines(out) {
		var e struct {
			Path, Type string
			PathBytes  []byte `json:"path_bytes"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		types[e.Type]++
		if e.PathBytes != nil {
			notText += string(e.PathBytes)
		}
	}
	if types["regular file"] != 4542 || types["directory"] != 11 || types["socket"] != 1 || notText != "/names/not-utf8-\xff\xfe" {
		t.Errorf("types %v, names that are no text %q", types, notText)
	}
}

func TestCatPrintsTheBytes(t *testing.T) {
	source, target := goldenTree(t), goldenContainer(t, "lz4")
	for _, name := range []string{"sizes/text-0", "sizes/rand-16385", "sizes/text-8404993", "sizes/zero-17000000", "names/not-utf8-\xff\xfe"} {
		want, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := clfsload(t, "cat", target, name).mustExit(exitOK).stdout; got != string(want) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
	want, err := os.ReadFile(filepath.Join(source, "sizes/text-8404993"))
	if err != nil {
		t.Fatal(err)
	}
	part := clfsload(t, "cat", "--offset", "16000", "--length", "8380000", target, "sizes/text-8404993").mustExit(exitOK).stdout
	if !bytes.Equal([]byte(part), want[16000:16000+8380000]) {
		t.Errorf("a part of %d bytes differs", len(part))
	}
}

func TestDuSumsUp(t *testing.T) {
	target := goldenContainer(t, "raw")
	out := clfsload(t, "du", "-b", target).mustExit(exitOK).stdout
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; len(lines) != 9 || !regexp.MustCompile(`^\d+\t4552\t11\t/$`).MatchString(last) {
		t.Errorf("du prints\n%s", out)
	}
	clfsload(t, "du", "-b", target, "/modes").mustExit(exitOK).mustSay("12\t3\t0\t/modes\n")
}

func TestInspectDecodesEveryKindOfObject(t *testing.T) {
	target := goldenContainer(t, "lz4")
	clfsload(t, "inspect", target, "00000000000000000000000000000063").mustExit(exitOK).mustSay("EXTATTRS", "output.txt")
	clfsload(t, "inspect", target, "/").mustExit(exitOK).mustSay("DIRENTS", "massUUID", "special")
	clfsload(t, "inspect", target, "/links/relative").mustExit(exitOK).mustSay("BACK", "../sizes/text-100")
	out := clfsload(t, "stat", "--blobs", "--json", target, "/sizes/zero-17000000").mustExit(exitOK).stdout
	var stat struct{ Segments []struct{ Blob string } }
	if err := json.Unmarshal([]byte(out), &stat); err != nil || len(stat.Segments) != 3 {
		t.Fatalf("%v in %s", err, out)
	}
	clfsload(t, "inspect", "--json", target, stat.Segments[1].Blob).mustExit(exitOK).mustSay(`"offset": 8404992`, `"data_length": 8388608`)
}

func TestReadingSaysWhatIsNotThere(t *testing.T) {
	target := goldenContainer(t, "lz4")
	for _, c := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{[]string{"ls", target, "/nothing"}, exitNotFound, "/nothing"},
		{[]string{"cat", target, "/links/h1/x"}, exitNotFound, "not a directory"},
		{[]string{"cat", target, "/links"}, 1, "directory"},
		{[]string{"stat", target, "/links/../links"}, exitNotFound, ".."},
		{[]string{"inspect", target, "71C2A06B0000"}, exitNotFound, "object 71C2A06B0000"},
		{[]string{"ls", "dir:" + t.TempDir()}, exitDamaged, "no bucket object"},
		{[]string{"ls", "dir:/does/not/exist"}, exitNoContainer, "does not exist"},
		{[]string{"ls"}, exitUsage, "usage"},
		{[]string{"export", target}, exitUsage, "usage"},
		{[]string{"export", "--lost-found", target, t.TempDir()}, exitUsage, "--keep-going"},
		{[]string{"verify", "--source", "/does/not/exist", target}, exitSource, "/does/not/exist"},
	} {
		clfsload(t, c.arguments...).mustExit(c.code).mustSay(c.says)
	}
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	target := goldenContainer(t, "lz4")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, arguments := range [][]string{
		{"ls", target}, {"cat", target, "/sizes/rand-100"}, {"stat", target, "/"}, {"stat", "--json", target, "/"},
		{"du", target}, {"inspect", target, "/"}, {"verify", "--quick", target},
	} {
		command(t, arguments, func(c *exec.Cmd) { c.Stdout = full }).start().wait().mustExit(exitNoSpace).mustSay("/dev/stdout")
	}
}

func TestEachReadingCommandHasAnExample(t *testing.T) {
	for _, name := range []string{"ls", "cat", "stat", "du", "inspect", "export", "verify"} {
		clfsload(t, name, "--help").mustExit(exitOK).mustSay("Examples:", "  clfsload "+name+" ", "dir:/mnt/stage/projects")
	}
}
