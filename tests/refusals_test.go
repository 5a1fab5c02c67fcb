package tests

import (
	"os"
	"path/filepath"
	"testing"
)

// What is wrong with the command line itself is told in one line as well.
func TestCommandsThatDoNotFitSayWhatToDo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for title, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"misspelled command":   {[]string{"laod"}, exitUsage, "did you mean load?"},
		"unknown command":      {[]string{"frobnicate"}, exitUsage, `no command "frobnicate"`},
		"status of no STATE":   {[]string{"status", missing}, exitState, "neither a running mount nor a STATE"},
		"status of a file":     {[]string{"status", "refusals_test.go"}, exitState, "neither a running mount nor a STATE"},
		"limit of no STATE":    {[]string{"limit", missing, "200M"}, exitState, "neither a running mount nor a STATE"},
		"ls of no container":   {[]string{"ls", "dir:" + missing}, exitNoContainer, "check its name"},
		"errors below zero":    {[]string{"load", missing, ".", "dir:" + missing, "--max-errors", "-1"}, exitUsage, "must not be negative"},
		"too little of memory": {[]string{"load", missing, ".", "dir:" + missing, "--memory", "3"}, exitUsage, "64MiB or more"},
	} {
		t.Run(title, func(t *testing.T) {
			clfsload(t, c.arguments...).mustExit(c.code).mustSay(c.says).mustBeOneLine()
		})
	}
}

// Each refusal has a code, says in one line what is wrong, and leaves the
// directory of the test as it found it.
func TestRefusalsSayWhatToDoAndLeaveNothing(t *testing.T) {
	for title, c := range map[string]struct {
		prepare   func(t *testing.T, p places)
		arguments func(p places) []string
		code      int
		says      []string
	}{
		"STATE inside SOURCE": {nil, func(p places) []string {
			return []string{"--new", filepath.Join(p.source, "state"), p.source, "dir:" + p.blobs}
		}, exitState, []string{"inside"}},
		"STATE inside SOURCE through a link": {func(t *testing.T, p places) {
			if err := os.Symlink(p.source, filepath.Join(p.directory, "link")); err != nil {
				t.Fatal(err)
			}
		}, func(p places) []string {
			return []string{"--new", filepath.Join(p.directory, "link", "state"), p.source, "dir:" + p.blobs}
		}, exitState, []string{"inside"}},
		"STATE around SOURCE": {nil, func(p places) []string {
			return []string{"--new", p.directory, p.source, "dir:" + p.blobs}
		}, exitState, nil},
		"STATE is SOURCE": {nil, func(p places) []string {
			return []string{"--new", p.source, p.source, "dir:" + p.blobs}
		}, exitState, nil},
		"container inside SOURCE": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + filepath.Join(p.source, "container")}
		}, exitUsage, []string{"inside"}},
		"STATE exists": {func(t *testing.T, p places) {
			if err := os.Mkdir(p.state, 0o755); err != nil {
				t.Fatal(err)
			}
		}, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs}
		}, exitState, []string{"exists", "--new"}},
		"STATE missing": {nil, func(p places) []string {
			return []string{p.state, p.source, "dir:" + p.blobs}
		}, exitState, []string{"--new"}},
		"STATE is of something else": {func(t *testing.T, p places) {
			if err := os.Mkdir(p.state, 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(p.state, "notes.txt"), "not a journal")
		}, func(p places) []string {
			return []string{p.state, p.source, "dir:" + p.blobs}
		}, exitState, nil},
		"STATE's parent missing": {nil, func(p places) []string {
			return []string{"--new", filepath.Join(p.state, "deeper"), p.source, "dir:" + p.blobs}
		}, exitState, nil},
		"STATE's parent does not let it be made": {nil, func(p places) []string {
			return []string{"--new", "/sys/clfsload-state", p.source, "dir:" + p.blobs} // refuses root too
		}, exitState, []string{"must have write permission"}},
		"STATE is empty": {nil, func(p places) []string {
			return []string{"--new", "", p.source, "dir:" + p.blobs}
		}, exitUsage, []string{"empty"}},
		"SOURCE is empty": {nil, func(p places) []string {
			return []string{"--new", p.state, "", "dir:" + p.blobs}
		}, exitUsage, []string{"empty"}},
		"container's parent missing": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + filepath.Join(p.blobs, "deeper")}
		}, exitNoContainer, []string{"in a directory that exists"}},
		"SOURCE missing": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source + "-missing", "dir:" + p.blobs}
		}, exitSource, []string{"source-missing"}},
		"SOURCE is a file": {nil, func(p places) []string {
			return []string{"--new", p.state, filepath.Join(p.source, "file"), "dir:" + p.blobs}
		}, exitSource, []string{"not a directory"}},
		"container not empty": {func(t *testing.T, p places) {
			if err := os.Mkdir(p.blobs, 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(p.blobs, "somebody's"), "data")
		}, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs}
		}, exitNotEmpty, []string{"empty"}},
		"container is a file": {func(t *testing.T, p places) {
			writeFile(t, p.blobs, "no directory")
		}, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs}
		}, exitNoContainer, nil},
		"STATE's parent and container's parent missing": {nil, func(p places) []string {
			return []string{"--new", filepath.Join(p.state, "deeper"), p.source, "dir:" + filepath.Join(p.blobs, "deeper")}
		}, exitState, nil},
		"no target": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source}
		}, exitUsage, []string{"usage"}},
		"too many arguments": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "account", "container", "sas", "more"}
		}, exitUsage, []string{"usage"}},
		"unknown flag": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs, "--fast"}
		}, exitUsage, []string{"--fast"}},
		"unknown compression": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs, "--compression", "zstd"}
		}, exitUsage, []string{"LZ4", "DISABLED"}},
		"no directory managers": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs, "--dirmgr-count", "0"}
		}, exitUsage, []string{"dirmgr-count"}},
		"no memory": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs, "--memory", "0"}
		}, exitUsage, []string{"memory"}},
		"no concurrency": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "dir:" + p.blobs, "--concurrency", "0"}
		}, exitUsage, []string{"concurrency"}},
		"target is neither": {nil, func(p places) []string {
			return []string{"--new", p.state, p.source, "somewhere"}
		}, exitUsage, []string{"dir:"}},
	} {
		t.Run(title, func(t *testing.T) {
			p := newPlaces(t)
			if c.prepare != nil {
				c.prepare(t, p)
			}
			before := listTree(t, p.directory)
			clfsload(t, append([]string{"load"}, c.arguments(p)...)...).mustExit(c.code).mustSay(c.says...).mustBeOneLine()
			for path := range listTree(t, p.directory) {
				if _, ok := before[path]; !ok {
					t.Errorf("%s was left behind", path)
				}
			}
		})
	}
}

func TestWithoutPermissionToWriteTheContainerNothingIsLeft(t *testing.T) {
	for title, prepare := range map[string]func(t *testing.T, p places){
		"container exists":  func(t *testing.T, p places) { mustMkdir(t, p.blobs) },
		"container is made": func(t *testing.T, p places) {},
	} {
		t.Run(title, func(t *testing.T) {
			p := newPlaces(t)
			prepare(t, p)
			states := filepath.Join(p.directory, "writable")
			mustMkdir(t, states)
			openToAll(t, states)
			r := command(t, []string{"load", "--new", filepath.Join(states, "state"), p.source, "dir:" + p.blobs})
			asNobody(r.command)
			r.start().wait().mustExit(exitPermission).mustSay("permission").mustBeOneLine()
			mustNotExist(t, filepath.Join(states, "state"))
		})
	}
}

func TestWithoutPermissionToReadTheSourceNothingIsLeft(t *testing.T) {
	p := newPlaces(t)
	openToAll(t, p.directory)
	if err := os.Chmod(p.source, 0o700); err != nil {
		t.Fatal(err)
	}
	r := command(t, []string{"load", "--new", p.state, p.source, "dir:" + p.blobs})
	asNobody(r.command)
	r.start().wait().mustExit(exitSource).mustSay("permission").mustBeOneLine()
	mustNotExist(t, p.state)
	mustNotExist(t, p.blobs)
}

// A journal knows what it is for; another source or target with it is a mistake.
func TestAJournalTakesNoOtherSourceTargetOrSettings(t *testing.T) {
	p := newPlaces(t)
	other := filepath.Join(p.directory, "other")
	mustMkdir(t, other)
	clfsload(t, "load", "--new", p.state, p.source, "dir:"+p.blobs).mustExit(exitOK)
	for title, arguments := range map[string][]string{
		"source":      {p.state, other, "dir:" + p.blobs},
		"target":      {p.state, p.source, "dir:" + other},
		"compression": {p.state, p.source, "dir:" + p.blobs, "--compression", "DISABLED"},
		"hard links":  {p.state, p.source, "dir:" + p.blobs, "--preserve-hardlinks"},
	} {
		t.Run(title, func(t *testing.T) {
			clfsload(t, append([]string{"load"}, arguments...)...).mustExit(exitState).mustBeOneLine()
		})
	}
}
