package tests

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
)

// planned is what publish --dry-run --json says of a put.
type planned struct {
	Put, Path, Reason, Phase, Form string
	Base64                         string `json:"path_base64"`
}

// bytes is the path as the mount has it.
func (p *planned) bytes() string {
	if raw, err := base64.StdEncoding.DecodeString(p.Base64); err == nil && len(raw) > 0 {
		return string(raw)
	}
	return p.Path
}

// planOf is what a publication would put, and its summary.
func planOf(i *intake) (puts []planned, summary finished) {
	i.t.Helper()
	lines := slices.Collect(strings.Lines(clfsload(i.t, "publish", "--dry-run", "--json", i.point).mustExit(exitOK).stdout))
	for _, line := range lines[:len(lines)-1] {
		var p planned
		decode(i.t, line, &p)
		puts = append(puts, p)
	}
	last := struct{ Summary *finished }{&summary}
	decode(i.t, lines[len(lines)-1], &last)
	if summary.Target != i.target || summary.Published {
		i.t.Errorf("the last line is %s", lines[len(lines)-1])
	}
	return puts, summary
}

// everything is the contents of all files below directories, but for logs.
func everything(t *testing.T, directories ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, d := range directories {
		must(t, filepath.WalkDir(d, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && !strings.HasSuffix(path, ".log") {
				all[path] = readText(t, path)
			}
			return err
		}))
	}
	return all
}

// mustPublishAsPlanned wants a dry run to change nothing, and to list what the publication
// after it puts.
func mustPublishAsPlanned(i *intake) []planned {
	i.t.Helper()
	i.flush()
	planOf(i) // the journal commits what was acknowledged in the last moment
	container := strings.TrimPrefix(i.target, "dir:")
	before := everything(i.t, i.state, container)
	text := clfsload(i.t, "publish", "--dry-run", i.point).mustExit(exitOK).stdout
	puts, summary := planOf(i)
	for path, contents := range everything(i.t, i.state, container) {
		if before[path] != contents {
			i.t.Errorf("the dry run has changed %s", path)
		}
		delete(before, path)
	}
	for path := range before {
		i.t.Errorf("the dry run has removed %s", path)
	}
	if n := strings.Count(text, "\n"); n != len(puts)+1 || strings.ContainsAny(text, "\x1b\a\b\r\u009b\u202e") || strings.Contains(text, "\xff") {
		i.t.Errorf("%d lines for %d puts:\n%s", n, len(puts), text)
	}

	blobs := i.blobs().Names
	var said struct{ Objects, Directories int }
	decode(i.t, clfsload(i.t, "publish", "--json", i.point).mustExit(exitOK).stdout, &said)
	if len(puts) != said.Objects+said.Directories || summary.Objects != said.Objects || summary.Directories != said.Directories {
		i.t.Errorf("%d puts are planned, summary %+v, published %+v", len(puts), summary, said)
	}
	ids := ids(i)
	want, got := map[string]bool{}, map[string]bool{}
	for _, p := range puts {
		want[ids[strings.TrimPrefix(p.bytes(), "/")]] = true
	}
	for _, name := range linesWithout(i.blobs().Names, blobs) {
		if n, err := clfs.ParseName(name); err == nil && n.Type.IsInode() && n.ID != clfs.BucketID {
			got[n.ID.String()] = true
		}
	}
	if len(got) == 0 || !maps.Equal(got, want) {
		i.t.Errorf("the blobs that are new are of %v, planned are %v", got, want)
	}
	return puts
}

// ids are the ids of what is published, by path.
func ids(i *intake) map[string]string {
	i.t.Helper()
	ids := map[string]string{"": clfs.RootID.String()}
	for line := range strings.Lines(clfsload(i.t, "ls", "-R", "--json", i.target).mustExit(exitOK).stdout) {
		var e struct {
			Path, ID string
			Bytes    []byte `json:"path_bytes"`
		}
		decode(i.t, line, &e)
		if e.Bytes != nil {
			e.Path = string(e.Bytes)
		}
		ids[strings.TrimPrefix(e.Path, "/")] = e.ID
	}
	return ids
}

func TestADryRunListsWhatThePublicationThenPuts(t *testing.T) {
	i := newIntake(t, longSettle...)
	aTree(t, i.point)
	for _, name := range rude {
		i.directory(name)
		writeFile(t, i.path(name+"/file"), "x")
	}
	first := mustPublishAsPlanned(i)
	if last := first[len(first)-1]; last != (planned{Put: "root", Path: "/", Reason: "first publication", Phase: "first root", Form: "final"}) {
		t.Errorf("the last put is %+v", last)
	}

	must(t, os.Rename(i.path("directory-0/file-0"), i.path("directory-1/moved")))
	must(t, os.Rename(i.path("directory-1/file-0"), i.path("directory-0/moved")))
	writeFile(t, i.path("directory-2/file-3"), "other contents")
	must(t, os.Chmod(i.path("directory-2/file-4"), 0o600))
	must(t, os.Remove(i.path("directory-3/file-5")))
	for _, name := range rude {
		must(t, os.Rename(i.path(name+"/file"), i.path("directory-4/"+name)))
	}
	counts := map[string]int{}
	for _, p := range mustPublishAsPlanned(i) {
		counts[p.Put+": "+p.Reason]++
	}
	n := len(rude)
	want := map[string]int{
		"inode: names or links": 2 + n, "inode: contents": 1, "inode: attributes": 1,
		"directory: entries added, none removed": 2, "directory again: entries moved away": 2,
		"directory: entries added": 1, "directory: entries moved away": n,
		"directory: attributes, entries renamed or removed": 1,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("planned are %v", counts)
	}
	i.mustBePublished()
	if r := clfsload(t, "publish", "--dry-run", i.point).mustExit(exitOK); !strings.HasPrefix(r.stdout, "nothing to publish; ") {
		t.Errorf("after the publication the dry run says %q", r.stdout)
	}
}

func TestADryRunNamesWhatIsNotUploaded(t *testing.T) {
	i := newIntake(t, longSettle...)
	i.directory("new")
	writeFile(t, i.path("new/file"), "x")
	open, err := os.Create(i.path("open"))
	must(t, err)
	defer open.Close()
	for range 2 { // the first one uploads nothing
		clfsload(t, "publish", "--dry-run", i.point).mustExit(exitOK).
			mustSay("new/file: changed just now", "open: open for writing", "2 puts: 2 of directories, 0 of other inodes; 2 entries not uploaded")
	}
	puts, summary := planOf(i)
	if len(puts) != 2 || summary.Uploaded || summary.LeftTotal != 2 || len(summary.Left) != 2 {
		t.Errorf("the plan has %+v and says %+v", puts, summary)
	}
	i.mustNotBePublished()
}

func TestADryRunFailsAsThePublicationDoes(t *testing.T) {
	i := newIntake(t)
	for _, flags := range [][]string{{"--timeout", "1s"}, {"--include-incomplete"}, {"--leave-incomplete"}} {
		clfsload(t, append([]string{"publish", "--dry-run", i.point}, flags...)...).mustExit(exitUsage).mustBeOneLine().mustSay("--dry-run", flags[0])
	}
	i.endsWell(unix.SIGTERM)
	source := t.TempDir()
	load := newTransfer(t, source)
	clfsload(t, load.begin()...).mustExit(exitOK)
	for _, state := range []string{i.state, load.state, source} {
		want := clfsload(t, "publish", state).mustExit(exitState).mustBeOneLine()
		if got := clfsload(t, "publish", "--dry-run", state).mustExit(exitState); got.stderr != want.stderr {
			t.Errorf("publish says %q, the dry run %q", want.stderr, got.stderr)
		}
	}
}

// beginPlan starts a dry run whose list is longer than what the pipe and the socket hold, and
// reads the first line.
func beginPlan(i *intake, flags ...string) (r *run, rest *bufio.Reader, end func()) {
	i.t.Helper()
	read, write, err := os.Pipe()
	must(i.t, err)
	r = command(i.t, append([]string{"publish", "--dry-run", i.point}, flags...), func(c *exec.Cmd) { c.Stdout = write }).start()
	must(i.t, write.Close())
	rest = bufio.NewReaderSize(read, 16)
	if line, err := rest.ReadString('\n'); err != nil || !strings.Contains(line, "new") {
		i.t.Fatalf("the first line is %q, %v", line, err)
	}
	return r, rest, func() { _ = read.Close() }
}

// longPlan is a mount with many puts.
func longPlan(t *testing.T) *intake {
	t.Helper()
	i := newIntake(t)
	for n := range 2000 {
		i.directory(fmt.Sprintf("%0250d", n))
	}
	return i
}

func TestADryRunEndsWithItsReader(t *testing.T) {
	i := longPlan(t)
	planOf(i)
	before := i.held()
	for n := range 2 * pooled {
		r, _, end := beginPlan(i, [][]string{nil, {"--json"}}[n%2]...)
		end()
		if res := r.wait(); res.code != -1 || res.stderr != "" {
			t.Errorf("without its reader the dry run ends with %d: %q", res.code, res.stderr)
		}
	}
	var more []string
	for range 200 { // the mount notices it soon
		if more = i.held().more(before); len(more) == 0 {
			break
		}
		i.status()
	}
	reportLines(t, "the mount still has", more)
	i.publish()
	i.mustBePublished()
}

func TestAMountDoesNotWaitForTheReaderOfADryRun(t *testing.T) {
	i := longPlan(t)
	r, rest, end := beginPlan(i)
	defer end()
	clfsload(t, "unmount", "--no-publish", i.point).mustExit(exitOK)
	i.await().mustExit(exitOK)
	_, err := io.Copy(io.Discard, rest)
	must(t, err)
	r.wait().mustExit(1).mustBeOneLine().mustSay("cut off")
}
