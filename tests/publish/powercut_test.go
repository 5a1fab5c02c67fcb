package publish

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

// syncing is a program that writes files and asks for each that it be kept. It knows
// what was acknowledged.
type syncing struct {
	root   string
	prefix string
	random *rand.Rand
	kept   map[string]string // path -> contents; "" means that it must not be there
	dirs   int
	acked  func()
}

// work goes on until the file system is gone, and returns the error that tells it.
func (p *syncing) work() error {
	for n := 0; ; n++ {
		if err := p.step(n); err != nil {
			return err
		}
		p.acked()
	}
}

// step does one thing, and notes it when fsync has returned.
func (p *syncing) step(n int) error {
	directory := filepath.Join(p.root, fmt.Sprint(p.prefix, p.dirs))
	if n%12 == 0 {
		p.dirs++
		directory = filepath.Join(p.root, fmt.Sprint(p.prefix, p.dirs))
		if err := os.Mkdir(directory, 0o755); err != nil {
			return err
		}
		if err := harness.Fsync(p.root); err != nil {
			return err
		}
	}
	path := filepath.Join(directory, fmt.Sprint("file-", n))
	text := p.text(path)
	if err := harness.WriteSynced(path, text); err != nil {
		return err
	}
	switch p.random.IntN(5) {
	case 0: // as an editor saves: under another name first
		to := path + "-renamed"
		if err := os.Rename(path, to); err != nil {
			return err
		}
		if err := harness.Fsync(directory); err != nil {
			return err
		}
		p.kept[path], path = "", to
	case 1:
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := harness.Fsync(directory); err != nil {
			return err
		}
		text = ""
	default:
		if err := harness.Fsync(directory); err != nil {
			return err
		}
	}
	p.kept[path] = text
	return nil
}

// text tells whose it is from the first byte to the last.
func (p *syncing) text(path string) string {
	return strings.Repeat(filepath.Base(path)+"\n", 1+p.random.IntN(4000))
}

// mustBeKept wants what was acknowledged.
func (p *syncing) mustBeKept(t *testing.T) {
	t.Helper()
	for path, text := range p.kept {
		got, err := os.ReadFile(path)
		if text == "" {
			if !os.IsNotExist(err) {
				t.Errorf("%s was removed, and is there again: %v", path, err)
			}
			continue
		}
		if err != nil || string(got) != text {
			t.Errorf("%s has %d bytes, not %d: %v", path, len(got), len(text), err)
		}
	}
}

// mustBeWhole wants each file that is published to be as its program has written it.
func mustBeWhole(t *testing.T, files map[string]string) {
	t.Helper()
	for path, text := range files {
		line := strings.TrimSuffix(filepath.Base(path), "-renamed") + "\n"
		if text == "" || strings.ReplaceAll(text, line, "") != "" {
			t.Errorf("%s is published with %d bytes: %q", path, len(text), harness.Clip(text))
		}
	}
}

// The disk of STATE and container loses its power at one moment after another while
// programs write. What fsync has acknowledged is there after each, and what is
// published is whole.
func TestWhatFsyncAcknowledgedSurvivesAPowerCut(t *testing.T) {
	random := trees.SeededRandom(t)
	d := harness.NewDisk(t, 192<<20)
	i := &mounted.Intake{T: t, State: filepath.Join(d.Mount, "state"), Target: "dir:" + filepath.Join(d.Mount, "container")}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(mounted.BusyFlags))
	var programs []*syncing
	for n := range 3 {
		programs = append(programs, &syncing{root: i.Point, prefix: fmt.Sprint("program-", n, "-"), random: rand.New(rand.NewPCG(random.Uint64(), 1)),
			kept: map[string]string{}})
	}
	for cut := range trees.Often(8) {
		asking := []*harness.Run{harness.Command(t, []string{"publish", i.Point}).Start()}
		if cut%2 == 1 {
			asking[0].Wait() // something is published, whatever the moment
			asking = nil
		}
		writeUntil(i, programs, 1+random.IntN(60), func() { i.CutPower(d, asking...) })
		mustBeWhole(t, trees.Exported(t, i.Blobs()))
		i.Again(mounted.BusyFlags...)
		for _, p := range programs {
			p.mustBeKept(t)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	harness.Clfsload(t, "publish", "--include-incomplete", i.Point).MustExit(harness.ExitOK)
	i.EndsPublished()
}

// writeUntil lets programs write until so many things are acknowledged, then act ends
// the file system under them.
func writeUntil(i *mounted.Intake, programs []*syncing, acked int, act func()) {
	i.T.Helper()
	var mu sync.Mutex
	due, ended := make(chan bool), make(chan error, len(programs))
	for _, p := range programs {
		p.acked = func() {
			mu.Lock()
			defer mu.Unlock()
			if acked--; acked == 0 {
				close(due)
			}
		}
		go func() { ended <- p.work() }()
	}
	select {
	case <-due:
	case err := <-ended:
		i.T.Fatalf("a program ended before the file system did: %v", err)
	}
	act()
	for range programs {
		<-ended //nolint:errcheck // a program fails when the file system ends
	}
}
