package load

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
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
	source := trees.Golden(t)
	for _, links := range []string{"0", "1"} {
		t.Run("preserve_hardlinks "+links, func(t *testing.T) {
			tr := harness.NewTransfer(t, source)
			var s survey
			harness.Decode(t, harness.Clfsload(t, tr.Begin("--dry_run", "--json", "--preserve_hardlinks", links)...).MustExit(harness.ExitOK).Stdout, &s)
			harness.MustNotExist(t, tr.State)
			harness.MustNotExist(t, tr.Blobs)
			if s.Problems == nil { // a program that reads it wants a list, also of nothing
				t.Error("problems are null")
			}

			harness.Clfsload(t, tr.Begin("--no-upload-log", "--preserve_hardlinks", links)...).MustExit(harness.ExitOK)
			var report struct {
				Totals map[string]int64 `json:"totals"`
			}
			harness.Decode(t, harness.ReadText(t, filepath.Join(tr.State, "report.json")), &report)
			if s.Entries != report.Totals["entries_found"] || s.Objects != report.Totals["objects_done"] || s.Bytes != report.Totals["bytes_done"] {
				t.Errorf("foretold %+v, done %v", s, report.Totals)
			}
			if n := int64(len(trees.DirectoryBlobs(t, tr.Blobs).Names)); n != s.Blobs {
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
	harness.OpenToAll(t, directory)
	source := filepath.Join(directory, "source")
	harness.MustMkdir(t, source)
	harness.MustMkdir(t, filepath.Join(source, "closed"))
	harness.WriteFile(t, filepath.Join(source, "closed", "inside"), "x")
	harness.WriteFile(t, filepath.Join(source, "secret"), "x")
	harness.WriteFile(t, filepath.Join(source, "open"), "x")
	for _, name := range []string{"closed", "secret"} {
		if err := os.Chmod(filepath.Join(source, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tr := harness.Transfer{State: filepath.Join(directory, "no", "state"), Source: source, Blobs: filepath.Join(directory, "no", "container")}
	run := func(flags ...string) harness.Result {
		r := harness.Command(t, tr.Resume(append(flags, "--dry-run")...))
		harness.AsNobody(r.Command)
		return r.Start().Wait().MustExit(harness.ExitOK)
	}
	run().MustSay("nothing was written", "unreadable         2", "secret: open: permission denied", "--dry-run-gb")
	var s survey
	harness.Decode(t, run("--json").Stdout, &s)
	if s.Unreadable != 2 || len(s.Problems) != 2 || s.Problems[0].Errno != "EACCES" {
		t.Errorf("unreadable: %+v", s)
	}
	harness.MustNotExist(t, filepath.Join(directory, "no"))
}

func TestADryRunAppliesPatternsAndChecksTheCommandLine(t *testing.T) {
	tr := harness.NewTransfer(t, filterTree(t))
	var s survey
	harness.Decode(t, harness.Clfsload(t, tr.Begin("--dry-run", "--json", "--include", "*.c", "--exclude", "cache")...).MustExit(harness.ExitOK).Stdout, &s)
	if fmt.Sprint(s.Types) != "map[directory:3 regular file:2]" {
		t.Errorf("types %v", s.Types)
	}
	harness.Clfsload(t, tr.Begin("--dry-run", "--compression", "zip")...).MustExit(harness.ExitUsage).MustBeOneLine()
	harness.Clfsload(t, tr.Begin("--dry-run-gb", "-1")...).MustExit(harness.ExitUsage).MustBeOneLine()
	harness.Clfsload(t, tr.Begin("--json")...).MustExit(harness.ExitUsage).MustBeOneLine()
	harness.Clfsload(t, "load", "--dry-run", tr.State, tr.Source+"/none", "dir:"+tr.Blobs).MustExit(harness.ExitSource).MustBeOneLine()
}

// Every option of CLFSLoad is taken, spelled and valued as it was there.
func TestEveryOptionOfCLFSLoadIsTaken(t *testing.T) {
	tr := harness.NewTransfer(t, filterTree(t))
	options := []string{"--compression", "LZ4", "--preserve_hardlinks", "1", "--dry_run_gb", "0.5", "--dry_run_count", "10",
		"--max_errors", "0", "--retry_errors", "0", "--worker_thread_count", "500000", "--log_level", "warning", "--dirmgr_count", "48"}
	harness.Clfsload(t, tr.Begin(append(options, "--dry_run")...)...).MustExit(harness.ExitOK)
	harness.Clfsload(t, tr.Begin(options...)...).MustExit(harness.ExitOK)
	trees.ReadContainer(t, trees.DirectoryBlobs(t, tr.Blobs))
}
