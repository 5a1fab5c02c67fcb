package load

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

func TestStatusTellsOfALoadThatRunsThatWasKilledAndThatIsComplete(t *testing.T) {
	source := trees.ModestTree(t)
	c := remote.NewMetered(t)
	state := filepath.Join(t.TempDir(), "state")
	harness.Clfsload(t, "status", state).MustExit(harness.ExitState).MustBeOneLine()

	c.Fail(blobserver.Fault{Operation: "Put", Skip: 40, Hang: true})
	r := harness.Command(t, c.Into(state, source, "--new")).Start()
	s := harness.AwaitStatus(t, state, func(s harness.Status) bool {
		return s.Running && s.Listed && s.Oldest != nil && s.ObjectsDone == 80 // all but the directories and the one that hangs
	})
	if s.PID != r.Command.Process.Pid || s.Phase != "transfer" || s.ObjectsFound != 86 || s.BytesFound < 20<<20 {
		t.Errorf("while it runs: %+v", s)
	}
	if _, err := os.Stat(filepath.Join(source, s.Oldest.Path)); err != nil || s.Oldest.Seconds < 0 {
		t.Errorf("oldest in flight: %+v %v", s.Oldest, err)
	}
	harness.Clfsload(t, "status", state).MustExit(harness.ExitOK).MustSay("running as process", "phase transfer", s.Oldest.Path)

	r.Command.Process.Kill()
	r.Wait()
	if _, err := os.Lstat(filepath.Join(state, "control.sock")); err != nil {
		t.Errorf("the killed load left no socket, so the test shows nothing: %v", err)
	}
	killed := harness.StatusOf(t, state)
	if killed.Running || killed.Phase != "transfer" || killed.ObjectsFound != 86 || killed.ObjectsDone < 1 || killed.ObjectsDone > 80 {
		t.Errorf("after it was killed: %+v", killed)
	}
	harness.Clfsload(t, "status", state).MustExit(harness.ExitOK).MustSay("not running")

	c.Mend()
	harness.Clfsload(t, c.Into(state, source)...).MustExit(harness.ExitOK)
	if s := harness.StatusOf(t, state); s.Running || s.Phase != "complete" || s.ObjectsDone != 86 {
		t.Errorf("at the end: %+v", s)
	}
}

// The totals of a dry run give an estimate that a load without them has not.
func TestTotalsOfADryRunGiveTheTimeLeft(t *testing.T) {
	source := trees.ModestTree(t)
	c := remote.NewMetered(t)
	c.SetLatency(20 * time.Millisecond)
	state := filepath.Join(t.TempDir(), "state")
	r := harness.Command(t, c.Into(state, source, "--new", "--concurrency", "1", "--dry_run_gb", "4.5", "--dry_run_count", "1000000")).Start()
	s := harness.AwaitStatus(t, state, func(s harness.Status) bool { return s.Running && s.ETASeconds != nil || s.Phase == "complete" })
	r.Command.Process.Kill()
	r.Wait()
	if s.ETASeconds == nil || !s.Listed && *s.ETASeconds < 60 {
		t.Errorf("time left: %+v", s)
	}
}

func TestTheReportOfARunIsInItsState(t *testing.T) {
	source := trees.ModestTree(t)
	tr := harness.NewTransfer(t, source)
	harness.Clfsload(t, tr.Begin("--exclude", "file-7", "--max-errors", "7")...).MustExit(harness.ExitOK)
	var report struct {
		Version  string         `json:"version"`
		ExitCode int            `json:"exit_code"`
		Phase    string         `json:"phase"`
		Seconds  float64        `json:"seconds"`
		Settings map[string]any `json:"settings"`
		Totals   map[string]int `json:"totals"`
		ThisRun  map[string]any `json:"this_run"`
	}
	harness.Decode(t, harness.ReadText(t, filepath.Join(tr.State, "report.json")), &report)
	if report.Version != "test" || report.ExitCode != 0 || report.Phase != "complete" || report.Seconds <= 0 {
		t.Errorf("report %+v", report)
	}
	if report.Totals["objects_done"] != 85 || report.Totals["failures"] != 0 || report.ThisRun["objects"] != 85.0 {
		t.Errorf("totals %v, this run %v", report.Totals, report.ThisRun)
	}
	if report.Settings["source"] != source || report.Settings["max_errors"] != 7.0 {
		t.Errorf("settings %v", report.Settings)
	}
}
