package trees

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clfsload/tests/harness"
)

// unreadable is a tree that nobody can read all of.
type unreadable struct {
	harness.Places
	Closed []string // paths without permissions
}

// NewUnreadable makes a tree with files below a/b, some of them unreadable.
func NewUnreadable(t *testing.T, files, closed int) *unreadable {
	t.Helper()
	u := &unreadable{Places: harness.NewPlaces(t)}
	harness.OpenToAll(t, u.Directory)
	deep := filepath.Join(u.Source, "a", "b")
	harness.Must(t, os.MkdirAll(deep, 0o755))
	for i := range files {
		path := filepath.Join(deep, fmt.Sprintf("file-%03d", i))
		harness.WriteFile(t, path, strings.Repeat(path, 500))
		if i < closed {
			u.Closed = append(u.Closed, path)
		}
	}
	u.Chmod(t, 0)
	return u
}

func (u *unreadable) Chmod(t *testing.T, mode os.FileMode) {
	t.Helper()
	for _, path := range u.Closed {
		harness.Must(t, os.Chmod(path, mode))
	}
}

// Load runs the load as nobody.
func (u *unreadable) Load(t *testing.T, target string, flags ...string) *harness.Run {
	t.Helper()
	r := harness.Command(t, append([]string{"load", u.State, u.Source, target}, flags...))
	harness.AsNobody(r.Command)
	return r.Start()
}
