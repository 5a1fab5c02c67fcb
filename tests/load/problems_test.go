package load

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// problem is a line of problems.jsonl.
type problem struct {
	Path   string `json:"path"`
	Base64 string `json:"path_base64"`
	Op     string `json:"op"`
	Errno  string `json:"errno"`
	Reason string `json:"reason"`
}

func readProblems(t *testing.T, state string) (lines []string, problems []problem) {
	t.Helper()
	lines = strings.Split(strings.TrimSuffix(harness.ReadText(t, filepath.Join(state, "problems.txt")), "\n"), "\n")
	for _, line := range strings.Split(strings.TrimSuffix(harness.ReadText(t, filepath.Join(state, "problems.jsonl")), "\n"), "\n") {
		var p problem
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		problems = append(problems, p)
	}
	return lines, problems
}

// Nobody's load of a tree with files that root alone can read.
func TestProblemsAreListedUntilTheyAreMended(t *testing.T) {
	directory := t.TempDir()
	harness.OpenToAll(t, directory)
	tr := harness.Transfer{State: filepath.Join(directory, "state"), Source: filepath.Join(directory, "source"), Blobs: filepath.Join(directory, "container")}
	harness.MustMkdir(t, tr.Source)
	harness.WriteFile(t, filepath.Join(tr.Source, "good"), "good")
	names := []string{"bad", "new\nline", "odd\xff", `"quoted`}
	for _, name := range names {
		harness.WriteFile(t, filepath.Join(tr.Source, name), "secret")
		if err := os.Chmod(filepath.Join(tr.Source, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(arguments []string) harness.Result {
		r := harness.Command(t, arguments)
		harness.AsNobody(r.Command)
		return r.Start().Wait()
	}
	load(tr.Begin()).MustExit(harness.ExitIncomplete).MustSay("problems.txt")

	lines, problems := readProblems(t, tr.State)
	slices.Sort(lines)
	if want := []string{`"\"quoted"`, `"new\nline"`, `"odd\xff"`, "bad"}; !slices.Equal(lines, want) {
		t.Errorf("problems.txt: %q", lines)
	}
	if len(problems) != len(names) {
		t.Errorf("problems.jsonl: %+v", problems)
	}
	for _, p := range problems {
		path := p.Path
		if raw, err := base64.StdEncoding.DecodeString(p.Base64); err == nil && p.Base64 != "" {
			path = string(raw)
		}
		if !slices.Contains(names, path) || p.Op != "open" || p.Errno != "EACCES" || p.Reason != "permission denied" {
			t.Errorf("problems.jsonl: %+v", p)
		}
	}
	var report struct {
		ExitCode int            `json:"exit_code"`
		Totals   map[string]int `json:"totals"`
	}
	harness.Decode(t, harness.ReadText(t, filepath.Join(tr.State, "report.json")), &report)
	if report.ExitCode != harness.ExitIncomplete || report.Totals["failures"] != len(names) {
		t.Errorf("report.json: %+v", report)
	}

	for _, name := range names {
		if err := os.Chmod(filepath.Join(tr.Source, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	load(tr.Resume()).MustExit(harness.ExitOK)
	harness.MustNotExist(t, filepath.Join(tr.State, "problems.txt"))
	harness.MustNotExist(t, filepath.Join(tr.State, "problems.jsonl"))
}
