package read

import (
	"os"
	"os/exec"
	"testing"

	"clfsload/tests/harness"
)

func TestOutputThatCannotBeWrittenFailsEachCommand(t *testing.T) {
	p := harness.NewPlaces(t)
	tr, target := harness.Transfer{State: p.State, Source: p.Source, Blobs: p.Blobs}, "dir:"+p.Blobs
	harness.Clfsload(t, tr.Begin()...).MustExit(harness.ExitOK)
	for _, arguments := range [][]string{
		{"--help"}, {"--version"}, {"load", "--help"},
		{"ls", target}, {"ls", "-l", target, "file"}, {"ls", "-R", "--json", target},
		{"cat", target, "file"}, {"stat", target, "file"}, {"stat", "--json", target, "file"},
		{"du", target}, {"inspect", target, "/file"}, {"verify", target}, {"verify", "--json", target},
		{"status", tr.State}, {"status", "--json", tr.State},
		tr.Resume("--dry-run"), tr.Resume(),
	} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := harness.Command(t, arguments, func(c *exec.Cmd) { c.Stdout = full }).Start().Wait()
		r.MustExit(harness.ExitNoSpace).MustSay("/dev/stdout: no space left on device")
		harness.Must(t, full.Close())
	}
}
