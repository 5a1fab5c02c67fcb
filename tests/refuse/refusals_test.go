package refuse

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// What is wrong with the command line itself is told in one line as well.
func TestCommandsThatDoNotFitSayWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for title, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"misspelled command":   {[]string{"laod"}, harness.ExitUsage, "did you mean load?"},
		"unknown command":      {[]string{"frobnicate"}, harness.ExitUsage, `no command "frobnicate"`},
		"status of no STATE":   {[]string{"status", missing}, harness.ExitState, "neither a running mount nor a STATE"},
		"status of a file":     {[]string{"status", "refusals_test.go"}, harness.ExitState, "neither a running mount nor a STATE"},
		"limit of no STATE":    {[]string{"limit", missing, "200M"}, harness.ExitState, "neither a running mount nor a STATE"},
		"ls of no container":   {[]string{"ls", "dir:" + missing}, harness.ExitNoContainer, "check its name"},
		"errors below zero":    {[]string{"load", missing, ".", "dir:" + missing, "--max-errors", "-1"}, harness.ExitUsage, "must not be negative"},
		"too little of memory": {[]string{"load", missing, ".", "dir:" + missing, "--memory", "3"}, harness.ExitUsage, "64MiB or more"},
	} {
		t.Run(title, func(t *testing.T) {
			harness.Clfsload(t, c.arguments...).MustExit(c.code).MustSay(c.says).MustBeOneLine()
		})
	}
}

// Each refusal has a code, says in one line what is wrong, and leaves the
// directory of the test as it found it.
func TestRefusalsSayWhatToDoAndLeaveNothing(t *testing.T) {
	for title, c := range map[string]struct {
		prepare   func(t *testing.T, p harness.Places)
		arguments func(p harness.Places) []string
		code      int
		says      []string
	}{
		"STATE inside SOURCE": {nil, func(p harness.Places) []string {
			return []string{"--new", filepath.Join(p.Source, "state"), p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, []string{"inside"}},
		"STATE inside SOURCE through a link": {func(t *testing.T, p harness.Places) {
			if err := os.Symlink(p.Source, filepath.Join(p.Directory, "link")); err != nil {
				t.Fatal(err)
			}
		}, func(p harness.Places) []string {
			return []string{"--new", filepath.Join(p.Directory, "link", "state"), p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, []string{"inside"}},
		"STATE around SOURCE": {nil, func(p harness.Places) []string {
			return []string{"--new", p.Directory, p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, nil},
		"STATE is SOURCE": {nil, func(p harness.Places) []string {
			return []string{"--new", p.Source, p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, nil},
		"container inside SOURCE": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + filepath.Join(p.Source, "container")}
		}, harness.ExitUsage, []string{"inside"}},
		"STATE exists": {func(t *testing.T, p harness.Places) {
			if err := os.Mkdir(p.State, 0o755); err != nil {
				t.Fatal(err)
			}
		}, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, []string{"exists", "--new"}},
		"STATE missing": {nil, func(p harness.Places) []string {
			return []string{p.State, p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, []string{"--new"}},
		"STATE is of something else": {func(t *testing.T, p harness.Places) {
			if err := os.Mkdir(p.State, 0o755); err != nil {
				t.Fatal(err)
			}
			harness.WriteFile(t, filepath.Join(p.State, "notes.txt"), "not a journal")
		}, func(p harness.Places) []string {
			return []string{p.State, p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, nil},
		"STATE's parent missing": {nil, func(p harness.Places) []string {
			return []string{"--new", filepath.Join(p.State, "deeper"), p.Source, "dir:" + p.Blobs}
		}, harness.ExitState, nil},
		"STATE's parent does not let it be made": {nil, func(p harness.Places) []string {
			return []string{"--new", "/sys/clfsload-state", p.Source, "dir:" + p.Blobs} // refuses root too
		}, harness.ExitState, []string{"must have write permission"}},
		"STATE is empty": {nil, func(p harness.Places) []string {
			return []string{"--new", "", p.Source, "dir:" + p.Blobs}
		}, harness.ExitUsage, []string{"empty"}},
		"SOURCE is empty": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, "", "dir:" + p.Blobs}
		}, harness.ExitUsage, []string{"empty"}},
		"container's parent missing": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + filepath.Join(p.Blobs, "deeper")}
		}, harness.ExitNoContainer, []string{"in a directory that exists"}},
		"SOURCE missing": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source + "-missing", "dir:" + p.Blobs}
		}, harness.ExitSource, []string{"source-missing"}},
		"SOURCE is a file": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, filepath.Join(p.Source, "file"), "dir:" + p.Blobs}
		}, harness.ExitSource, []string{"not a directory"}},
		"container not empty": {func(t *testing.T, p harness.Places) {
			if err := os.Mkdir(p.Blobs, 0o755); err != nil {
				t.Fatal(err)
			}
			harness.WriteFile(t, filepath.Join(p.Blobs, "somebody's"), "data")
		}, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs}
		}, harness.ExitNotEmpty, []string{"empty"}},
		"container is a file": {func(t *testing.T, p harness.Places) {
			harness.WriteFile(t, p.Blobs, "no directory")
		}, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs}
		}, harness.ExitNoContainer, nil},
		"STATE's parent and container's parent missing": {nil, func(p harness.Places) []string {
			return []string{"--new", filepath.Join(p.State, "deeper"), p.Source, "dir:" + filepath.Join(p.Blobs, "deeper")}
		}, harness.ExitState, nil},
		"no target": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source}
		}, harness.ExitUsage, []string{"usage"}},
		"too many arguments": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "account", "container", "sas", "more"}
		}, harness.ExitUsage, []string{"usage"}},
		"unknown flag": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs, "--fast"}
		}, harness.ExitUsage, []string{"--fast"}},
		"unknown compression": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs, "--compression", "zstd"}
		}, harness.ExitUsage, []string{"LZ4", "DISABLED"}},
		"no directory managers": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs, "--dirmgr-count", "0"}
		}, harness.ExitUsage, []string{"dirmgr-count"}},
		"no memory": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs, "--memory", "0"}
		}, harness.ExitUsage, []string{"memory"}},
		"no concurrency": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "dir:" + p.Blobs, "--concurrency", "0"}
		}, harness.ExitUsage, []string{"concurrency"}},
		"target is neither": {nil, func(p harness.Places) []string {
			return []string{"--new", p.State, p.Source, "somewhere"}
		}, harness.ExitUsage, []string{"dir:"}},
	} {
		t.Run(title, func(t *testing.T) {
			p := harness.NewPlaces(t)
			if c.prepare != nil {
				c.prepare(t, p)
			}
			before := trees.List(t, p.Directory)
			harness.Clfsload(t, append([]string{"load"}, c.arguments(p)...)...).MustExit(c.code).MustSay(c.says...).MustBeOneLine()
			for path := range trees.List(t, p.Directory) {
				if _, ok := before[path]; !ok {
					t.Errorf("%s was left behind", path)
				}
			}
		})
	}
}

func TestWithoutPermissionToWriteTheContainerNothingIsLeft(t *testing.T) {
	for title, prepare := range map[string]func(t *testing.T, p harness.Places){
		"container exists":  func(t *testing.T, p harness.Places) { harness.MustMkdir(t, p.Blobs) },
		"container is made": func(t *testing.T, p harness.Places) {},
	} {
		t.Run(title, func(t *testing.T) {
			p := harness.NewPlaces(t)
			prepare(t, p)
			states := filepath.Join(p.Directory, "writable")
			harness.MustMkdir(t, states)
			harness.OpenToAll(t, states)
			r := harness.Command(t, []string{"load", "--new", filepath.Join(states, "state"), p.Source, "dir:" + p.Blobs})
			harness.AsNobody(r.Command)
			r.Start().Wait().MustExit(harness.ExitPermission).MustSay("permission").MustBeOneLine()
			harness.MustNotExist(t, filepath.Join(states, "state"))
		})
	}
}

func TestWithoutPermissionToReadTheSourceNothingIsLeft(t *testing.T) {
	p := harness.NewPlaces(t)
	harness.OpenToAll(t, p.Directory)
	if err := os.Chmod(p.Source, 0o700); err != nil {
		t.Fatal(err)
	}
	r := harness.Command(t, []string{"load", "--new", p.State, p.Source, "dir:" + p.Blobs})
	harness.AsNobody(r.Command)
	r.Start().Wait().MustExit(harness.ExitSource).MustSay("permission").MustBeOneLine()
	harness.MustNotExist(t, p.State)
	harness.MustNotExist(t, p.Blobs)
}

// A journal knows what it is for; another source or target with it is a mistake.
func TestAJournalTakesNoOtherSourceTargetOrSettings(t *testing.T) {
	p := harness.NewPlaces(t)
	other := filepath.Join(p.Directory, "other")
	harness.MustMkdir(t, other)
	harness.Clfsload(t, "load", "--new", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitOK)
	for title, arguments := range map[string][]string{
		"source":      {p.State, other, "dir:" + p.Blobs},
		"target":      {p.State, p.Source, "dir:" + other},
		"compression": {p.State, p.Source, "dir:" + p.Blobs, "--compression", "DISABLED"},
		"hard links":  {p.State, p.Source, "dir:" + p.Blobs, "--preserve-hardlinks"},
	} {
		t.Run(title, func(t *testing.T) {
			harness.Clfsload(t, append([]string{"load"}, arguments...)...).MustExit(harness.ExitState).MustBeOneLine()
		})
	}
}
