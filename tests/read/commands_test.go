package read

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

func TestLsLooksLikeLs(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	names := harness.Clfsload(t, "ls", target).MustExit(harness.ExitOK).Stdout
	want := "dir-first-segment-overflow\ndir-two-other-segments\nempty\nlinks\nmodes\nnames\nsizes\nspecial\n"
	if names != want {
		t.Errorf("ls prints %q", names)
	}
	long := harness.Clfsload(t, "ls", "-l", target, "/special").MustExit(harness.ExitOK).Stdout
	for _, pattern := range []string{
		`(?m)^brw-r----- +1 0 +0 +259, 65536 2014-05-1\d .* blk-259-65536$`,
		`(?m)^prw-r----- .* fifo$`, `(?m)^srwxr-xr-x .* sock$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(long) {
			t.Errorf("ls -l prints nothing like %s:\n%s", pattern, long)
		}
	}
	harness.Clfsload(t, "ls", "-l", target, "links").MustExit(harness.ExitOK).MustSay("dangling -> /does/not/exist")
	all := harness.Clfsload(t, "ls", "-R", target).MustExit(harness.ExitOK).MustSay("/empty/nested:\ndeeper\n", ".hidden", "with\nnewline").Stdout
	if lines := strings.Count(all, "\n"); lines < 4560 {
		t.Errorf("ls -R prints %d lines", lines)
	}
	harness.Clfsload(t, "ls", target, "names/.hidden").MustExit(harness.ExitOK).MustSay("names/.hidden\n")
}

func TestLsTellsEveryInodeAsJSON(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	out := harness.Clfsload(t, "ls", "-R", "--json", target).MustExit(harness.ExitOK).Stdout
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
	source, target := trees.Golden(t), trees.GoldenContainer(t, "lz4")
	for _, name := range []string{"sizes/text-0", "sizes/rand-16385", "sizes/text-8404993", "sizes/zero-17000000", "names/not-utf8-\xff\xfe"} {
		want, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := harness.Clfsload(t, "cat", target, name).MustExit(harness.ExitOK).Stdout; got != string(want) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
	want, err := os.ReadFile(filepath.Join(source, "sizes/text-8404993"))
	if err != nil {
		t.Fatal(err)
	}
	part := harness.Clfsload(t, "cat", "--offset", "16000", "--length", "8380000", target, "sizes/text-8404993").MustExit(harness.ExitOK).Stdout
	if !bytes.Equal([]byte(part), want[16000:16000+8380000]) {
		t.Errorf("a part of %d bytes differs", len(part))
	}
}

func TestDuSumsUp(t *testing.T) {
	target := trees.GoldenContainer(t, "raw")
	out := harness.Clfsload(t, "du", "-b", target).MustExit(harness.ExitOK).Stdout
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; len(lines) != 9 || !regexp.MustCompile(`^\d+\t4552\t11\t/$`).MatchString(last) {
		t.Errorf("du prints\n%s", out)
	}
	harness.Clfsload(t, "du", "-b", target, "/modes").MustExit(harness.ExitOK).MustSay("12\t3\t0\t/modes\n")
}

func TestInspectDecodesEveryKindOfObject(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	harness.Clfsload(t, "inspect", target, "00000000000000000000000000000063").MustExit(harness.ExitOK).MustSay("EXTATTRS", "output.txt")
	harness.Clfsload(t, "inspect", target, "/").MustExit(harness.ExitOK).MustSay("DIRENTS", "massUUID", "special")
	harness.Clfsload(t, "inspect", target, "/links/relative").MustExit(harness.ExitOK).MustSay("BACK", "../sizes/text-100")
	out := harness.Clfsload(t, "stat", "--blobs", "--json", target, "/sizes/zero-17000000").MustExit(harness.ExitOK).Stdout
	var stat struct{ Segments []struct{ Blob string } }
	if err := json.Unmarshal([]byte(out), &stat); err != nil || len(stat.Segments) != 3 {
		t.Fatalf("%v in %s", err, out)
	}
	harness.Clfsload(t, "inspect", "--json", target, stat.Segments[1].Blob).MustExit(harness.ExitOK).MustSay(`"offset": 8404992`, `"data_length": 8388608`)
}

func TestReadingSaysWhatIsNotThere(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
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
		{[]string{"ls", "dir:" + t.TempDir()}, harness.ExitDamaged, "no bucket object"},
		{[]string{"ls", "dir:/does/not/exist"}, harness.ExitNoContainer, "does not exist"},
		{[]string{"ls"}, harness.ExitUsage, "usage"},
		{[]string{"export", target}, harness.ExitUsage, "usage"},
		{[]string{"export", "--lost-found", target, t.TempDir()}, harness.ExitUsage, "--keep-going"},
		{[]string{"verify", "--source", "/does/not/exist", target}, harness.ExitSource, "/does/not/exist"},
	} {
		harness.Clfsload(t, c.arguments...).MustExit(c.code).MustSay(c.says)
	}
}

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, arguments := range [][]string{
		{"ls", target}, {"cat", target, "/sizes/rand-100"}, {"stat", target, "/"}, {"stat", "--json", target, "/"},
		{"du", target}, {"inspect", target, "/"}, {"verify", "--quick", target},
	} {
		harness.Command(t, arguments, func(c *exec.Cmd) { c.Stdout = full }).Start().Wait().MustExit(harness.ExitNoSpace).MustSay("/dev/stdout")
	}
}

func TestEachReadingCommandHasAnExample(t *testing.T) {
	for _, name := range []string{"ls", "cat", "stat", "du", "inspect", "export", "verify"} {
		harness.Clfsload(t, name, "--help").MustExit(harness.ExitOK).MustSay("Examples:", "  clfsload "+name+" ", "dir:/mnt/stage/projects")
	}
}
