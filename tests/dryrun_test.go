package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// survey is what `clfsload load --dry-run --json` tells.
type survey struct {
	Entries         int64            `json:"entries"`
	Types           map[string]int64 `json:"types"`
	Objects         int64            `json:"objects"`
	Bytes           int64            `json:"bytes"`
	Blobs           int64            `json:"blobs"`
	JournalBytes    int64            `json:"journal_bytes"`
	Unreadable      int64            `json:"unreadable"`
	HardLinkGroups  int64            `json:"hard_link_groups"`
	HardLinkedNames int64            `json:"hard_linked_names"`
	Problems        []problem        `json:"problems"`
	LargestFile     struct {
		Path string `json:"path"`
		Size int64  `json:"size"`
	} `json:"largest_file"`
	LargestDirectory struct {
		Path string `json:"path"`
		Size int64  `json:"size"`
	} `json:"largest_directory"`
}

// What a dry run foretells is what the load then does.
func TestADryRunForetellsTheLoad(t *testing.T) {
	source := goldenTree(t)
	for _, links := range []string{"0", "1"} {
		t.Run("preserve_hardlinks "+links, func(t *testing.T) {
			tr := newTransfer(t, source)
			var s survey
			decode(t, clfsload(t, tr.begin("--dry_run", "--json", "--preserve_hardlinks", links)...).mustExit(exitOK).stdout, &s)
			mustNotExist(t, tr.state)
			mustNotExist(t, tr.blobs)
			if s.Problems == nil { // a program that reads it wants a list, also of nothing
				t.Error("problems are null")
			}

			clfsload(t, tr.begin("--no-upload-log", "--preserve_hardlinks", links)...).mustExit(exitOK)
			var report struct {
				Totals map[string]int64 `json:"totals"`
			}
			decode(t, readText(t, filepath.Join(tr.state, "report.json")), &report)
			if s.Entries != report.Totals["entries_found"] || s.Objects != report.Totals["objects_done"] || s.Bytes != report.Totals["bytes_done"] {
				t.Errorf("foretold %+v, done %v", s, report.Totals)
			}
			if n := int64(len(directoryBlobs(t, tr.blobs).Names)); n != s.Blobs {
				t.Errorf("%d blobs foretold, %d written", s.Blobs, n)
			}
			if s.HardLinkGroups == 0 || s.HardLinkedNames < 2*s.HardLinkGroups {
				t.Errorf("hard links: %d groups, %d names", s.HardLinkGroups, s.HardLinkedNames)
			}
			if info, err := os.Stat(filepath.Join(source, s.LargestFile.Path)); err != nil || info.Size() != s.LargestFile.Size {
				t.Errorf("largest file %+v: %v", s.LargestFile, err)
			}
			if list, err := os.ReadDir(filepath.Join(source, s.LargestDirectory.Path)); err != nil || int64(len(list)) != s.LargestDirectory.Size {
				t.Errorf("largest directory %+v: %v", s.LargestDirectory, err)
			}
		})
	}
}

// STATE and the container of a load that goes on are not touched either, and
// what could not be read is listed.
func TestADryRunListsWhatCannotBeRead(t *testing.T) {
	directory := t.TempDir()
	openToAll(t, directory)
	source := filepath.Join(directory, "source")
	mustMkdir(t, source)
	mustMkdir(t, filepath.Join(source, "closed"))
	writeFile(t, filepath.Join(source, "closed", "inside"), "x")
	writeFile(t, filepath.Join(source, "secret"), "x")
	writeFile(t, filepath.Join(source, "open"), "x")
	for _, name := range []string{"closed", "secret"} {
		if err := os.Chmod(filepath.Join(source, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tr := transfer{state: filepath.Join(directory, "no", "state"), source: source, blobs: filepath.Join(directory, "no", "container")}
	run := func(flags ...string) result {
		r := command(t, tr.resume(append(flags, "--dry-run")...))
		asNobody(r.command)
		return r.start().wait().mustExit(exitOK)
	}
	run().mustSay("nothing was written", "unreadable         2", "secret: open: permission denied", "--dry-run-gb")
	var s survey
	decode(t, run("--json").stdout, &s)
	if s.Unreadable != 2 || len(s.Problems) != 2 || s.Problems[0].Errno != "EACCES" {
		t.Errorf("unreadable: %+v", s)
	}
	mustNotExist(t, filepath.Join(directory, "no"))
}

func TestADryRunAppliesPatternsAndChecksTheCommandLine(t *testing.T) {
	tr := newTransfer(t, filterTree(t))
	var s survey
	decode(t, clfsload(t, tr.begin("--dry-run", "--json", "--include", "*.c", "--exclude", "cache")...).mustExit(exitOK).stdout, &s)
	if fmt.Sprint(s.Types) != "map[directory:3 regular file:2]" {
		t.Errorf("types %v", s.Types)
	}
	clfsload(t, tr.begin("--dry-run", "--compression", "zip")...).mustExit(exitUsage).mustBeOneLine()
	clfsload(t, tr.begin("--dry-run-gb", "-1")...).mustExit(exitUsage).mustBeOneLine()
	clfsload(t, tr.begin("--json")...).mustExit(exitUsage).mustBeOneLine()
	clfsload(t, "load", "--dry-run", tr.state, tr.source+"/none", "dir:"+tr.blobs).mustExit(exitSource).mustBeOneLine()
}

// Every option of CLFSLoad is taken, spelled and valued as it was there.
func TestEveryOptionOfCLFSLoadIsTaken(t *testing.T) {
	tr := newTransfer(t, filterTree(t))
	options := []string{"--compression", "LZ4", "--preserve_hardlinks", "1", "--dry_run_gb", "0.5", "--dry_run_count", "10",
		"--max_errors", "0", "--retry_errors", "0", "--worker_thread_count", "500000", "--log_level", "warning", "--dirmgr_count", "48"}
	clfsload(t, tr.begin(append(options, "--dry_run")...)...).mustExit(exitOK)
	clfsload(t, tr.begin(options...)...).mustExit(exitOK)
	readContainer(t, directoryBlobs(t, tr.blobs))
}
