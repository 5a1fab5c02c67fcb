package service

import (
	"path/filepath"
	"testing"
	"time"

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

// noiseTree is one file that does not compress.
func noiseTree(t *testing.T, size int) string {
	t.Helper()
	source := t.TempDir()
	trees.WriteNoise(t, filepath.Join(source, "noise"), size, trees.SeededRandom(t))
	return source
}

func TestALoadKeepsItsBandwidthLimit(t *testing.T) {
	tr := harness.NewTransfer(t, noiseTree(t, 4_000_000))
	began := time.Now()
	harness.Clfsload(t, tr.Begin("--bandwidth-limit", "2M")...).MustExit(harness.ExitOK)
	// A quarter of a second's worth goes at once.
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("4 MB at 2 MB/s took %s", took)
	}
}

// At 20 kB/s the load would take ten minutes.
func TestTheLimitOfARunningLoadCanBeChanged(t *testing.T) {
	tr := harness.NewTransfer(t, noiseTree(t, 12_000_000))
	harness.Clfsload(t, "limit", tr.State, "1M").MustExit(harness.ExitState).MustBeOneLine()
	r := harness.Command(t, tr.Begin("--bandwidth-limit=20k")).Start()
	harness.AwaitStatus(t, tr.State, func(s harness.Status) bool { return s.Running && s.BandwidthLimit == 20_000 && s.Oldest != nil })
	harness.Clfsload(t, "limit", tr.State, "fast").MustExit(harness.ExitUsage).MustBeOneLine()
	harness.Clfsload(t, "limit", tr.State, "40k").MustExit(harness.ExitOK).MustSay("40kB/s")
	if s := harness.StatusOf(t, tr.State); s.BandwidthLimit != 40_000 || s.Phase == "complete" {
		t.Errorf("status %+v", s)
	}
	harness.Clfsload(t, "limit", tr.State, "off").MustExit(harness.ExitOK).MustSay("off")
	r.Wait().MustExit(harness.ExitOK)
	harness.Clfsload(t, "limit", tr.State, "off").MustExit(harness.ExitState).MustSay("no load or mount is running")
}
