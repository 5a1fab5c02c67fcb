package publish

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
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
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
func planOf(i *mounted.Intake) (puts []planned, summary mounted.Finished) {
	i.T.Helper()
	lines := slices.Collect(strings.Lines(harness.Clfsload(i.T, "publish", "--dry-run", "--json", i.Point).MustExit(harness.ExitOK).Stdout))
	for _, line := range lines[:len(lines)-1] {
		var p planned
		harness.Decode(i.T, line, &p)
		puts = append(puts, p)
	}
	last := struct{ Summary *mounted.Finished }{&summary}
	harness.Decode(i.T, lines[len(lines)-1], &last)
	if summary.Target != i.Target || summary.Published {
		i.T.Errorf("the last line is %s", lines[len(lines)-1])
	}
	return puts, summary
}

// everything is the contents of all files below directories, but for logs.
func everything(t *testing.T, directories ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, d := range directories {
		harness.Must(t, filepath.WalkDir(d, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && !strings.HasSuffix(path, ".log") {
				all[path] = harness.ReadText(t, path)
			}
			return err
		}))
	}
	return all
}

// mustPublishAsPlanned wants a dry run to change nothing, and to list what the publication
// after it puts.
func mustPublishAsPlanned(i *mounted.Intake) []planned {
	i.T.Helper()
	i.Flush()
	planOf(i) // the journal commits what was acknowledged in the last moment
	container := strings.TrimPrefix(i.Target, "dir:")
	before := everything(i.T, i.State, container)
	text := harness.Clfsload(i.T, "publish", "--dry-run", i.Point).MustExit(harness.ExitOK).Stdout
	puts, summary := planOf(i)
	for path, contents := range everything(i.T, i.State, container) {
		if before[path] != contents {
			i.T.Errorf("the dry run has changed %s", path)
		}
		delete(before, path)
	}
	for path := range before {
		i.T.Errorf("the dry run has removed %s", path)
	}
	if n := strings.Count(text, "\n"); n != len(puts)+1 || strings.ContainsAny(text, "\x1b\a\b\r\u009b\u202e") || strings.Contains(text, "\xff") {
		i.T.Errorf("%d lines for %d puts:\n%s", n, len(puts), text)
	}

	blobs := i.Blobs().Names
	var said struct{ Objects, Directories int }
	harness.Decode(i.T, harness.Clfsload(i.T, "publish", "--json", i.Point).MustExit(harness.ExitOK).Stdout, &said)
	if len(puts) != said.Objects+said.Directories || summary.Objects != said.Objects || summary.Directories != said.Directories {
		i.T.Errorf("%d puts are planned, summary %+v, published %+v", len(puts), summary, said)
	}
	ids := ids(i)
	want, got := map[string]bool{}, map[string]bool{}
	for _, p := range puts {
		want[ids[strings.TrimPrefix(p.bytes(), "/")]] = true
	}
	for _, name := range harness.LinesWithout(i.Blobs().Names, blobs) {
		if n, err := clfs.ParseName(name); err == nil && n.Type.IsInode() && n.ID != clfs.BucketID {
			got[n.ID.String()] = true
		}
	}
	if len(got) == 0 || !maps.Equal(got, want) {
		i.T.Errorf("the blobs that are new are of %v, planned are %v", got, want)
	}
	return puts
}

// ids are the ids of what is published, by path.
func ids(i *mounted.Intake) map[string]string {
	i.T.Helper()
	ids := map[string]string{"": clfs.RootID.String()}
	for line := range strings.Lines(harness.Clfsload(i.T, "ls", "-R", "--json", i.Target).MustExit(harness.ExitOK).Stdout) {
		var e struct {
			Path, ID string
			Bytes    []byte `json:"path_bytes"`
		}
		harness.Decode(i.T, line, &e)
		if e.Bytes != nil {
			e.Path = string(e.Bytes)
		}
		ids[strings.TrimPrefix(e.Path, "/")] = e.ID
	}
	return ids
}

func TestADryRunListsWhatThePublicationThenPuts(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	trees.ATree(t, i.Point)
	for _, name := range trees.Rude {
		i.Directory(name)
		harness.WriteFile(t, i.Path(name+"/file"), "x")
	}
	first := mustPublishAsPlanned(i)
	if last := first[len(first)-1]; last != (planned{Put: "root", Path: "/", Reason: "first publication", Phase: "first root", Form: "final"}) {
		t.Errorf("the last put is %+v", last)
	}

	harness.Must(t, os.Rename(i.Path("directory-0/file-0"), i.Path("directory-1/moved")))
	harness.Must(t, os.Rename(i.Path("directory-1/file-0"), i.Path("directory-0/moved")))
	harness.WriteFile(t, i.Path("directory-2/file-3"), "other contents")
	harness.Must(t, os.Chmod(i.Path("directory-2/file-4"), 0o600))
	harness.Must(t, os.Remove(i.Path("directory-3/file-5")))
	for _, name := range trees.Rude {
		harness.Must(t, os.Rename(i.Path(name+"/file"), i.Path("directory-4/"+name)))
	}
	counts := map[string]int{}
	for _, p := range mustPublishAsPlanned(i) {
		counts[p.Put+": "+p.Reason]++
	}
	n := len(trees.Rude)
	want := map[string]int{
		"inode: names or links": 2 + n, "inode: contents": 1, "inode: attributes": 1,
		"directory: entries added, none removed": 2, "directory again: entries moved away": 2,
		"directory: entries added": 1, "directory: entries moved away": n,
		"directory: attributes, entries renamed or removed": 1,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("planned are %v", counts)
	}
	i.MustBePublished()
	if r := harness.Clfsload(t, "publish", "--dry-run", i.Point).MustExit(harness.ExitOK); !strings.HasPrefix(r.Stdout, "nothing to publish; ") {
		t.Errorf("after the publication the dry run says %q", r.Stdout)
	}
}

func TestADryRunNamesWhatIsNotUploaded(t *testing.T) {
	i := mounted.NewIntake(t, mounted.LongSettle...)
	i.Directory("new")
	harness.WriteFile(t, i.Path("new/file"), "x")
	open, err := os.Create(i.Path("open"))
	harness.Must(t, err)
	defer open.Close()
	for range 2 { // the first one uploads nothing
		harness.Clfsload(t, "publish", "--dry-run", i.Point).MustExit(harness.ExitOK).
			MustSay("new/file: changed just now", "open: open for writing", "2 puts: 2 of directories, 0 of other inodes; 2 entries not uploaded")
	}
	puts, summary := planOf(i)
	if len(puts) != 2 || summary.Uploaded || summary.LeftTotal != 2 || len(summary.Left) != 2 {
		t.Errorf("the plan has %+v and says %+v", puts, summary)
	}
	i.MustNotBePublished()
}

func TestADryRunFailsAsThePublicationDoes(t *testing.T) {
	i := mounted.NewIntake(t)
	for _, flags := range [][]string{{"--timeout", "1s"}, {"--include-incomplete"}, {"--leave-incomplete"}} {
		harness.Clfsload(t, append([]string{"publish", "--dry-run", i.Point}, flags...)...).MustExit(harness.ExitUsage).MustBeOneLine().MustSay("--dry-run", flags[0])
	}
	i.EndsWell(unix.SIGTERM)
	source := t.TempDir()
	load := harness.NewTransfer(t, source)
	harness.Clfsload(t, load.Begin()...).MustExit(harness.ExitOK)
	for _, state := range []string{i.State, load.State, source} {
		want := harness.Clfsload(t, "publish", state).MustExit(harness.ExitState).MustBeOneLine()
		if got := harness.Clfsload(t, "publish", "--dry-run", state).MustExit(harness.ExitState); got.Stderr != want.Stderr {
			t.Errorf("publish says %q, the dry run %q", want.Stderr, got.Stderr)
		}
	}
}

// beginPlan starts a dry run whose list is longer than what the pipe and the socket hold, and
// reads the first line.
func beginPlan(i *mounted.Intake, flags ...string) (r *harness.Run, rest *bufio.Reader, end func()) {
	i.T.Helper()
	read, write, err := os.Pipe()
	harness.Must(i.T, err)
	r = harness.Command(i.T, append([]string{"publish", "--dry-run", i.Point}, flags...), func(c *exec.Cmd) { c.Stdout = write }).Start()
	harness.Must(i.T, write.Close())
	rest = bufio.NewReaderSize(read, 16)
	if line, err := rest.ReadString('\n'); err != nil || !strings.Contains(line, "new") {
		i.T.Fatalf("the first line is %q, %v", line, err)
	}
	return r, rest, func() { _ = read.Close() }
}

// longPlan is a mount with many puts.
func longPlan(t *testing.T) *mounted.Intake {
	t.Helper()
	i := mounted.NewIntake(t)
	for n := range 2000 {
		i.Directory(fmt.Sprintf("%0250d", n))
	}
	return i
}

func TestADryRunEndsWithItsReader(t *testing.T) {
	i := longPlan(t)
	planOf(i)
	before := i.Held()
	for n := range 2 * mounted.Pooled {
		r, _, end := beginPlan(i, [][]string{nil, {"--json"}}[n%2]...)
		end()
		if res := r.Wait(); res.Code != -1 || res.Stderr != "" {
			t.Errorf("without its reader the dry run ends with %d: %q", res.Code, res.Stderr)
		}
	}
	var more []string
	for range 200 { // the mount notices it soon
		if more = i.Held().More(before); len(more) == 0 {
			break
		}
		i.Status()
	}
	trees.ReportLines(t, "the mount still has", more)
	i.Publish()
	i.MustBePublished()
}

func TestAMountDoesNotWaitForTheReaderOfADryRun(t *testing.T) {
	i := longPlan(t)
	r, rest, end := beginPlan(i)
	defer end()
	harness.Clfsload(t, "unmount", "--no-publish", i.Point).MustExit(harness.ExitOK)
	i.Await().MustExit(harness.ExitOK)
	_, err := io.Copy(io.Discard, rest)
	harness.Must(t, err)
	r.Wait().MustExit(1).MustBeOneLine().MustSay("the list of puts is incomplete")
}
