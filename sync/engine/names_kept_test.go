package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/sync/blob/mem"
)

// listing is what the container leads to, as a reader finds it.
func (m *mount) listing() string {
	m.t.Helper()
	var paths []string
	for p := range published(m.t, m.c) {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return strings.Join(paths, " ")
}

// eachPut publishes, a put at a time, and calls look after each put of a directory.
func (m *mount) eachPut(c *spy, look func()) {
	m.t.Helper()
	m.oneAtATime()
	c.after = func(name string, _ []byte) {
		if nameOf(m.t, name).Type == clfs.TypeDirectory {
			look()
		}
	}
	_, err := m.engine.PublishMount(m.t.Context())
	m.check(err)
	c.after = nil
}

func TestEachNameOfAReplacedFileStaysUntilItsOwnSuccessorIsUploaded(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("a", "b")
	m.write("a/x", 100, 1)
	m.link("a/x", "b/y")
	m.mustPublish()
	waiting := m.write("waiting", 50, 2)
	m.open(waiting.Ino)
	m.rename("waiting", "a/x")
	m.write("uploaded", 60, 3)
	m.rename("uploaded", "b/y")
	m.mustPublish()
	if got := m.listing(); got != "/a /a/x /b /b/y" {
		t.Errorf("published: %s", got)
	}
}

// The successor is uploaded, and in reach by the number of a publication that has put nothing.
// When it is replaced itself, the file that it has replaced is all that readers can find.
func TestAReplacedFileStaysThoughItsSuccessorIsReplacedAfterAPublicationFailed(t *testing.T) {
	c := &spy{Container: mem.New()}
	m := newMount(t, c)
	m.mkdir("d", "e")
	m.write("d/x", 100, 1)
	m.mustPublish()
	m.write("successor", 50, 2)
	m.rename("successor", "d/x")
	m.rename("d/x", "e/y")
	m.mustUpload()
	stop := errors.New("stop")
	c.before = func(name string, _ []byte) error {
		if nameOf(t, name).Type == clfs.TypeDirectory {
			return stop
		}
		return nil
	}
	if _, err := m.engine.PublishMount(t.Context()); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	c.before = nil
	waiting := m.write("waiting", 70, 3)
	m.open(waiting.Ino)
	m.rename("waiting", "e/y")
	m.eachPut(c, func() {
		if got := m.listing(); !strings.Contains(got, "/d/x") && !strings.Contains(got, "/e/y") {
			t.Errorf("neither file is found: %s", got)
		}
	})
}

func TestAPublicationShowsNoNameThatAnEntryHadBetweenTwo(t *testing.T) {
	for _, grown := range []bool{false, true} {
		c := &spy{Container: mem.New()}
		m := newMount(t, c)
		m.mkdir("d", "e")
		m.write("d/old", 100, 1)
		m.write("e/other", 100, 2)
		m.mustPublish()
		m.rename("d/old", "d/between")
		m.rename("d/between", "e/new")
		if grown {
			m.rename("e/other", "d/other")
		}
		m.eachPut(c, func() {
			got := m.listing()
			if strings.Contains(got, "/d/between") || !strings.Contains(got, "/d/old") && !strings.Contains(got, "/e/new") {
				t.Errorf("the container has %s", got)
			}
		})
	}
}

// A file that left and came back under its name is listed once.
func TestAFileThatCameBackHasNoStandIn(t *testing.T) {
	m := newMount(t, mem.New())
	m.mkdir("a", "b", "c")
	m.write("a/x", 100, 1)
	m.link("a/x", "b/y")
	m.mustPublish()
	waiting := m.write("waiting", 50, 2)
	m.open(waiting.Ino)
	m.rename("waiting", "a/x")
	m.rename("a/x", "c/z")
	m.rename("b/y", "a/x")
	m.mustPublish()
	if got := m.listing(); got != "/a /a/x /b /c" {
		t.Errorf("published: %s", got)
	}
}
