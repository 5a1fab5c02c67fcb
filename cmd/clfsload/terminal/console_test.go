package terminal

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/sync/statedir"
)

func TestALogThatCannotBeWrittenStopsNothing(t *testing.T) {
	ui, err := NewConsole(os.Stdout, &switchWriter{w: new(testWriter)}, LogFlags{level: "INFO", format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	f := statedir.NewLog(filepath.Join(t.TempDir(), "file", "missing\x00"))
	defer f.Close()
	ui.LogTo(f)
	ui.Log.Info("a line")
}

type testWriter struct{ n int }

func (w *testWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }
