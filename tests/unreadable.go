package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unreadable is a tree that nobody can read all of.
type unreadable struct {
	places
	closed []string // paths without permissions
}

// newUnreadable makes a tree with files below a/b, some of them unreadable.
func newUnreadable(t *testing.T, files, closed int) *unreadable {
	t.Helper()
	u := &unreadable{places: newPlaces(t)}
	openToAll(t, u.directory)
	deep := filepath.Join(u.source, "a", "b")
	must(t, os.MkdirAll(deep, 0o755))
	for i := range files {
		path := filepath.Join(deep, fmt.Sprintf("file-%03d", i))
		writeFile(t, path, strings.Repeat(path, 500))
		if i < closed {
			u.closed = append(u.closed, path)
		}
	}
	u.chmod(t, 0)
	return u
}

func (u *unreadable) chmod(t *testing.T, mode os.FileMode) {
	t.Helper()
	for _, path := range u.closed {
		must(t, os.Chmod(path, mode))
	}
}

// load runs the load as nobody.
func (u *unreadable) load(t *testing.T, target string, flags ...string) *run {
	t.Helper()
	r := command(t, append([]string{"load", u.state, u.source, target}, flags...))
	asNobody(r.command)
	return r.start()
}
