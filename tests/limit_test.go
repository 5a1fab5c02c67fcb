package tests

import (
	"path/filepath"
	"testing"
	"time"
)

// noiseTree is one file that does not compress.
func noiseTree(t *testing.T, size int) string {
	t.Helper()
	source := t.TempDir()
	writeNoise(t, filepath.Join(source, "noise"), size, seededRandom(t))
	return source
}

func TestALoadKeepsItsBandwidthLimit(t *testing.T) {
	tr := newTransfer(t, noiseTree(t, 4_000_000))
	began := time.Now()
	clfsload(t, tr.begin("--bandwidth-limit", "2M")...).mustExit(exitOK)
	// A quarter of a second's worth goes at once.
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("4 MB at 2 MB/s took %s", took)
	}
}

// At 20 kB/s the load would take ten minutes.
func TestTheLimitOfARunningLoadCanBeChanged(t *testing.T) {
	tr := newTransfer(t, noiseTree(t, 12_000_000))
	clfsload(t, "limit", tr.state, "1M").mustExit(exitState).mustBeOneLine()
	r := command(t, tr.begin("--bandwidth-limit=20k")).start()
	awaitStatus(t, tr.state, func(s status) bool { return s.Running && s.BandwidthLimit == 20_000 && s.Oldest != nil })
	clfsload(t, "limit", tr.state, "fast").mustExit(exitUsage).mustBeOneLine()
	clfsload(t, "limit", tr.state, "40k").mustExit(exitOK).mustSay("40kB/s")
	if s := statusOf(t, tr.state); s.BandwidthLimit != 40_000 || s.Phase == "complete" {
		t.Errorf("status %+v", s)
	}
	clfsload(t, "limit", tr.state, "off").mustExit(exitOK).mustSay("off")
	r.wait().mustExit(exitOK)
	clfsload(t, "limit", tr.state, "off").mustExit(exitState).mustSay("no load or mount is running")
}
