package refuse

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

	"clfsload/tests/harness"
	"clfsload/tests/trees"
)

func rudeContainer(t *testing.T) harness.Places {
	t.Helper()
	p := harness.NewPlaces(t)
	for n, name := range trees.Rude {
		harness.WriteFile(t, filepath.Join(p.Source, name), "contents")
		harness.Must(t, os.Symlink(name, filepath.Join(p.Source, fmt.Sprint("link", n))))
	}
	harness.Clfsload(t, "load", "--new", p.State, p.Source, "dir:"+p.Blobs).MustExit(harness.ExitOK)
	return p
}

// onTerminal runs a command with a terminal as its output, and returns what that got.
func onTerminal(t *testing.T, arguments ...string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	harness.Must(t, err)
	defer master.Close()
	harness.Must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	harness.Must(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	harness.Must(t, err)
	r := harness.Command(t, arguments, func(c *exec.Cmd) { c.Stdout, c.Stderr = slave, slave })
	var got bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = got.ReadFrom(master) // ends with EIO when nobody has the terminal open
	}()
	r.Start()
	slave.Close()
	r.Wait()
	<-read
	return strings.ReplaceAll(got.String(), "\r\n", "\n")
}

func TestNoNameReachesATerminalUnquoted(t *testing.T) {
	p := rudeContainer(t)
	target := "dir:" + p.Blobs
	harness.Must(t, os.WriteFile(filepath.Join(p.Blobs, "foreign\x1b[2J\u009b"), nil, 0o600))
	changed := filepath.Join(p.Source, trees.Rude[0])
	harness.WriteFile(t, changed, "other contents")
	for _, arguments := range [][]string{
		{"ls", target}, {"ls", "-l", target}, {"ls", "-lR", "--json", target}, {"du", target}, {"du", "--json", target}, {"stat", target, trees.Rude[0]},
		{"stat", "--json", target, "link0"}, {"stat", target, "link2"}, {"inspect", target, "/"}, {"inspect", "--json", target, "/link3"},
		{"ls", target, trees.Rude[2] + "/x"}, {"cat", target, "/" + trees.Rude[5] + "x"}, {"cat", target, trees.Rude[3] + "\x1b"}, {"stat", target, trees.Rude[1] + "x"}, {"frobnicate\x1b[2J"},
		{"status", p.State}, {"status", "\x1b[2J\u202e"}, {"limit", p.State, "\u009b"}, {"load", "--new", "\x1b", p.Source, "\x1b[2J"},
	} {
		if got := onTerminal(t, arguments...); got == "" || strings.ContainsAny(got, "\x1b\a\b\r\u009b\u202e") || strings.Contains(got, "\x9b2J") ||
			strings.Contains(got, "\nclfsload: all is well") {
			t.Errorf("clfsload %q sends %q", arguments, got)
		}
	}
	// verify draws a display of its own, which ends with the last line feed of its bars.
	r := harness.Clfsload(t, "verify", "--source", p.Source, target).MustExit(harness.ExitDamaged)
	if strings.ContainsAny(r.Stdout+r.Stderr, "\x1b\u009b\u202e") {
		t.Errorf("verify prints %q", r.Stdout+r.Stderr)
	}
}

// As with ls, names go into a pipe as they are, and JSON has their bytes.
func TestNamesKeepTheirBytesInAPipe(t *testing.T) {
	p := rudeContainer(t)
	plain := harness.Clfsload(t, "ls", "dir:"+p.Blobs).MustExit(harness.ExitOK)
	inJSON := map[string]bool{}
	for line := range strings.Lines(harness.Clfsload(t, "ls", "--json", "dir:"+p.Blobs).MustExit(harness.ExitOK).Stdout) {
		var entry struct {
			Path  string
			Bytes []byte `json:"path_bytes"`
		}
		harness.Must(t, json.Unmarshal([]byte(line), &entry))
		if entry.Bytes != nil {
			entry.Path = string(entry.Bytes)
		}
		inJSON[strings.TrimPrefix(entry.Path, "/")] = true
	}
	for _, name := range trees.Rude {
		if !strings.Contains(plain.Stdout, name+"\n") {
			t.Errorf("ls into a pipe lacks %q", name)
		}
		if !inJSON[name] {
			t.Errorf("ls --json lacks %q", name)
		}
	}
}
