package control

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// deepDirectory has a path longer than the address of a socket can be.
func deepDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for range 4 {
		dir = filepath.Join(dir, strings.Repeat("deep", 50))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ask(t *testing.T, dir string) (string, error) {
	t.Helper()
	var answer string
	err := Ask(t.Context(), dir, http.MethodGet, "/status", nil, &answer)
	return answer, err
}

func TestTheControlSocketAnswersInADirectoryWithALongPath(t *testing.T) {
	dir := deepDirectory(t)
	s, err := Serve(dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { AnswerJSON(w, "here: "+r.URL.Path) }))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, controlName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v: %v", info.Mode(), err)
	}
	if answer, err := ask(t, dir); err != nil || answer != "here: /status" {
		t.Errorf("answer %q: %v", answer, err)
	}
	s.Close()
	if _, err := os.Lstat(filepath.Join(dir, controlName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := ask(t, dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestASocketThatACrashLeftIsNoRunningLoad(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, controlName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := ask(t, dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("asked: %v", err)
	}
	s, err := Serve(dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { AnswerJSON(w, "new") }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if answer, err := ask(t, dir); err != nil || answer != "new" {
		t.Errorf("answer %q: %v", answer, err)
	}
}
