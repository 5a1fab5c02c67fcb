package main

import (
	"os"
	"path/filepath"
	"testing"

	"clfsload/sync/statedir"
)

func TestALogThatCannotBeWrittenStopsNothing(t *testing.T) {
	ui, err := newConsole(os.Stdout, &switchWriter{w: new(testWriter)}, logFlags{level: "INFO", format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	f := statedir.NewLog(filepath.Join(t.TempDir(), "file", "missing\x00"))
	defer f.Close()
	ui.logTo(f)
	ui.log.Info("a line")
}

type testWriter struct{ n int }

func (w *testWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }
