package harness

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Status is what `clfsload status --json` tells.
type Status struct {
	Running        bool     `json:"running"`
	PID            int      `json:"pid"`
	Phase          string   `json:"phase"`
	ObjectsDone    int64    `json:"objects_done"`
	ObjectsFound   int64    `json:"objects_found"`
	BytesFound     int64    `json:"bytes_found"`
	Listed         bool     `json:"listed"`
	ETASeconds     *float64 `json:"eta_seconds"`
	BandwidthLimit int64    `json:"bandwidth_limit"`
	Oldest         *struct {
		Path    string  `json:"path"`
		Seconds float64 `json:"seconds"`
	} `json:"oldest_in_flight"`
}

func StatusOf(t *testing.T, state string) Status {
	t.Helper()
	var s Status
	Decode(t, Clfsload(t, "status", "--json", state).MustExit(ExitOK).Stdout, &s)
	return s
}

// AwaitStatus asks until the answer is as wanted.
func AwaitStatus(t *testing.T, state string, wanted func(Status) bool) Status {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		if _, err := os.Stat(filepath.Join(state, "journal.sqlite")); err == nil {
			if s := StatusOf(t, state); wanted(s) {
				return s
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the load never came to the status that was waited for")
		}
	}
}
