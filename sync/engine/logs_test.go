package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/publish"
)

func logsOf(texts ...string) (logs []publish.Log) {
	for i, text := range texts {
		logs = append(logs, publish.Log{Name: fmt.Sprintf("log-%03d.log", i+1), Read: func() ([]byte, error) { return []byte(text), nil }})
	}
	return logs
}

// transferred returns an engine whose entries are all in the container.
func transferred(t *testing.T, f *fixture, c blob.Container) *Engine {
	t.Helper()
	f.file("file", 100)
	f.scanned()
	e := f.engine(c, 4)
	if err := e.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Upload(t.Context(), f.source, closed); err != nil {
		t.Fatal(err)
	}
	return e
}

// mustHaveLogs compares the logs that the bucket names and those that are there.
func mustHaveLogs(t *testing.T, e *Engine, c *mem.Container, texts ...string) {
	t.Helper()
	b, err := e.bucket.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	there := blobSet(t, c)
	for _, name := range b.Logs {
		got = append(got, there[name])
	}
	if !slices.Equal(got, texts) {
		t.Errorf("the bucket names logs with %q, not %q", got, texts)
	}
	for name := range there {
		if strings.HasPrefix(name, "log-") && !slices.Contains(b.Logs, name) {
			t.Errorf("%s is named by nothing", name)
		}
	}
}

func TestPublishPutsTheLogsAndNamesThem(t *testing.T) {
	f, c := newFixture(t, compression.LZ4), mem.New()
	e := transferred(t, f, c)
	if err := e.Publish(t.Context(), false, logsOf("first", "second")...); err != nil {
		t.Fatal(err)
	}
	mustHaveLogs(t, e, c, "first", "second")
	f.sound(c)
}

// Whenever a run ends between the bucket object and the root, the next one
// leaves its own logs and no other.
func TestALogOfARunThatWasStoppedIsReplacedOrRemoved(t *testing.T) {
	for title, next := range map[string][]string{"as many": {"a", "b", "c"}, "fewer": {"a"}, "none": nil} {
		for at := range 4 {
			f, c := newFixture(t, compression.LZ4), mem.New()
			transferred(t, f, c)
			stop := errors.New("stopped")
			script := faulty.New(c)
			script.On(faulty.Put, faulty.Fault{Err: stop, Skip: at})
			e := f.engine(script, 4)
			if err := e.Publish(t.Context(), false, logsOf("1", "2", "3")...); !errors.Is(err, stop) {
				t.Fatalf("stopped at put %d: %v", at, err)
			}
			e = f.engine(c, 4)
			if err := e.Publish(t.Context(), false, logsOf(next...)...); err != nil {
				t.Fatal(err)
			}
			t.Log(title, "after put", at)
			mustHaveLogs(t, e, c, next...)
			f.sound(c)
		}
	}
}

func TestALogThatCannotBeReadStopsBeforeTheRoot(t *testing.T) {
	f, c := newFixture(t, compression.LZ4), mem.New()
	e := transferred(t, f, c)
	broken := errors.New("broken disk")
	err := e.Publish(t.Context(), false, publish.Log{Name: "log.log", Read: func() ([]byte, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, ok := blobSet(t, c)[clfs.ObjectName(clfs.RootID, clfs.RootID, clfs.TypeDirectory, clfs.FirstVersion)]; ok {
		t.Error("the root was published")
	}
}
