package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func rudeContainer(t *testing.T) places {
	t.Helper()
	p := newPlaces(t)
	for n, name := range rude {
		writeFile(t, filepath.Join(p.source, name), "contents")
		must(t, os.Symlink(name, filepath.Join(p.source, fmt.Sprint("link", n))))
	}
	clfsload(t, "load", "--new", p.state, p.source, "dir:"+p.blobs).mustExit(exitOK)
	return p
}

// onTerminal runs a command with a terminal as its output, and returns what that got.
func onTerminal(t *testing.T, arguments ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	defer master.Close()
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	r := command(t, arguments, func(c *exec.Cmd) { c.Stdout, c.Stderr = slave, slave })
	var got bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = got.ReadFrom(master) // ends with EIO when nobody has the terminal open
	}()
	r.start()
	slave.Close()
	r.wait()
	<-read
	return strings.ReplaceAll(got.String(), "\r\n", "\n")
}

func TestNoNameReachesATerminalUnquoted(t *testing.T) {
	p := rudeContainer(t)
	target := "dir:" + p.blobs
	must(t, os.WriteFile(filepath.Join(p.blobs, "foreign\x1b[2J\u009b"), nil, 0o600))
	changed := filepath.Join(p.source, rude[0])
	writeFile(t, changed, "other contents")
	for _, arguments := range [][]string{
		{"ls", target}, {"ls", "-l", target}, {"ls", "-lR", "--json", target}, {"du", target}, {"du", "--json", target}, {"stat", target, rude[0]},
		{"stat", "--json", target, "link0"}, {"stat", target, "link2"}, {"inspect", target, "/"}, {"inspect", "--json", target, "/link3"},
		{"ls", target, rude[2] + "/x"}, {"cat", target, "/" + rude[5] + "x"}, {"cat", target, rude[3] + "\x1b"}, {"stat", target, rude[1] + "x"}, {"frobnicate\x1b[2J"},
		{"status", p.state}, {"status", "\x1b[2J\u202e"}, {"limit", p.state, "\u009b"}, {"load", "--new", "\x1b", p.source, "\x1b[2J"},
	} {
		if got := onTerminal(t, arguments...); got == "" || strings.ContainsAny(got, "\x1b\a\b\r\u009b\u202e") || strings.Contains(got, "\x9b2J") ||
			strings.Contains(got, "\nclfsload: all is well") {
			t.Errorf("clfsload %q sends %q", arguments, got)
		}
	}
	// verify draws a display of its own, which ends with the last line feed of its bars.
	r := clfsload(t, "verify", "--source", p.source, target).mustExit(exitDamaged)
	if strings.ContainsAny(r.stdout+r.stderr, "\x1b\u009b\u202e") {
		t.Errorf("verify prints %q", r.stdout+r.stderr)
	}
}

// As with ls, names go into a pipe as they are, and JSON has their bytes.
func TestNamesKeepTheirBytesInAPipe(t *testing.T) {
	p := rudeContainer(t)
	plain := clfsload(t, "ls", "dir:"+p.blobs).mustExit(exitOK)
	inJSON := map[string]bool{}
	for line := range strings.Lines(clfsload(t, "ls", "--json", "dir:"+p.blobs).mustExit(exitOK).stdout) {
		var entry struct {
			Path  string
			Bytes []byte `json:"path_bytes"`
		}
		must(t, json.Unmarshal([]byte(line), &entry))
		if entry.Bytes != nil {
			entry.Path = string(entry.Bytes)
		}
		inJSON[strings.TrimPrefix(entry.Path, "/")] = true
	}
	for _, name := range rude {
		if !strings.Contains(plain.stdout, name+"\n") {
			t.Errorf("ls into a pipe lacks %q", name)
		}
		if !inJSON[name] {
			t.Errorf("ls --json lacks %q", name)
		}
	}
}
