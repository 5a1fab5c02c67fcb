package resume

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/tests/harness"
	"clfsload/tests/inventory"
	"clfsload/tests/remote"
	"clfsload/tests/trees"
)

// publication is a load whose publication is killed at one request after another.
type publication struct {
	t         *testing.T
	container *remote.Lethal
	base      map[string][]byte // blobs that the container has before the load
	state     string            // the STATE before the load; "": the load makes one
	source    string
	flags     []string
	contents  int // different blobs that are put before the publication, the bucket object included
	last      int // requests that were counted in the last run that was not killed
	old, now  inventory.Tree
}

// reset gives the container the blobs that it has before the load.
func (p *publication) reset() {
	c := p.container
	c.NewContainer("container")
	for name, data := range p.base {
		c.Seed("container", name, data)
	}
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.Names = map[string]int{}
}

// begin returns the STATE of one load, and the flags of its first run.
func (p *publication) begin() (state string, flags []string) {
	p.t.Helper()
	state = filepath.Join(p.t.TempDir(), "state")
	if p.state == "" {
		return state, append([]string{"--new"}, p.flags...)
	}
	harness.CopyTree(p.t, p.state, state)
	return state, p.flags
}

// measure loads once without any trouble, and counts what is put before the publication.
func (p *publication) measure() {
	p.t.Helper()
	p.reset()
	p.container.Taken()
	state, flags := p.begin()
	harness.Clfsload(p.t, p.container.Into(state, p.source, flags...)...).MustExit(harness.ExitOK)
	names := map[string]bool{}
	for _, put := range p.container.Taken() {
		if isDirectoryBlob(put.Name) { // the first step of the publication, after its mark in the bucket object
			break
		}
		names[put.Name] = true
	}
	p.contents = len(names)
	p.mustBeLoaded()
}

// isDirectoryBlob tells whether a blob is the inode of a directory.
func isDirectoryBlob(name string) bool {
	n, err := clfs.ParseName(name)
	return err == nil && n.Type == clfs.TypeDirectory
}

// killAt kills a load at a request of its publication, and lets another run go on. It reports
// whether the publication has as many requests.
func (p *publication) killAt(request int, after bool, counted func(*http.Request) bool) bool {
	p.t.Helper()
	p.reset()
	c := p.container
	state, flags := p.begin()
	r := harness.Command(p.t, c.Into(state, p.source, flags...))
	var killed string
	c.Await(remote.Moment{Blobs: p.contents, Stored: true, Act: func() {
		c.AtRequest(request, after, counted, func(r0 *http.Request) {
			killed = r0.Method + " " + r0.URL.RequestURI()
			r.Kill()
		})
	}})
	res := r.Start().Wait()
	left := c.Left()
	c.Bury()
	if killed == "" {
		res.MustExit(harness.ExitOK)
		p.last = request - left
		return false
	}
	res.MustExit(-1)
	what := fmt.Sprintf("killed at request %d, %s, after it: %v", request, killed, after)
	p.t.Log(what)
	mustBeEither(p.t, what, p.exported(), p.old, p.now)
	harness.Clfsload(p.t, c.Into(state, p.source, p.flags...)...).MustExit(harness.ExitOK)
	p.mustBeLoaded()
	if p.t.Failed() {
		p.t.Fatal(what)
	}
	return true
}

// mustBeLoaded wants the container to have the new tree, and nothing else. What it had before may
// be deleted, but nothing else is put in its place.
func (p *publication) mustBeLoaded() {
	p.t.Helper()
	trees.MustHold(p.t, p.now, trees.Lived(p.container.Inventory()), trees.AsLeft)
	harness.Clfsload(p.t, "verify", p.container.URL).MustExit(harness.ExitOK).MustNotSay("the container is open")
	if c := trees.ChangesOf(p.base, p.container.Blobs("container")); slices.ContainsFunc(c.Rewritten, trees.ExceptBucket) {
		p.t.Errorf("blobs were rewritten:\n%s", c)
	}
}

// killEverywhere kills the load before requests of its publication, and after those that change the
// container. Of stride requests that follow each other it takes one.
func (p *publication) killEverywhere(stride int) {
	p.t.Helper()
	p.measure()
	random, kills := trees.SeededRandom(p.t), 0
	for request := 1 + random.IntN(stride); p.killAt(request, false, isRequest); request += stride {
		kills++
	}
	for request := 1 + random.IntN(stride); p.killAt(request, true, remote.IsChange); request += stride {
		kills++
	}
	p.killAt(p.last, false, remote.IsChange) // which says that nothing is open any more
	p.t.Logf("%d kills", kills)
	if kills < 5 {
		p.t.Errorf("only %d kills", kills)
	}
}

// isRequest counts all that a load asks for, but for its lease, which it renews from time to time.
func isRequest(r *http.Request) bool { return r.URL.Query().Get("comp") != "lease" }

// exported is what a reader of the container finds; nil: no container.
func (p *publication) exported() inventory.Tree {
	p.t.Helper()
	if !slices.ContainsFunc(p.container.Inventory().Names, func(name string) bool { return strings.HasPrefix(name, trees.RootPrefix) }) {
		return nil
	}
	to := filepath.Join(p.t.TempDir(), "out")
	harness.Clfsload(p.t, "export", p.container.URL, to).MustExit(harness.ExitOK)
	return trees.List(p.t, to)
}

// mustBeEither wants each entry to be as it is in one of two trees, and to be there if it is in both.
func mustBeEither(t *testing.T, what string, found, old, now inventory.Tree) {
	t.Helper()
	var lines []string
	for path, entry := range found {
		before, after := differences(old, entry), differences(now, entry)
		if len(before) > 0 && len(after) > 0 {
			lines = append(lines, fmt.Sprintf("%s is not the old one: %q, and not the new one: %q", path, before, after))
		}
	}
	for path := range old {
		_, kept := now[path]
		if _, is := found[path]; kept && !is {
			lines = append(lines, path+" is missing")
		}
	}
	trees.ReportLines(t, what, lines)
}

// differences compares an entry with that of its path in a tree.
func differences(tree inventory.Tree, got inventory.Entry) []string {
	want := inventory.Tree{}
	if entry, found := tree[got.Path]; found {
		want[got.Path] = entry
	}
	got.Group = got.Path
	return inventory.Compare(want, inventory.Tree{got.Path: got}, inventory.Scope{})
}

// mergedTrees returns a tree and what becomes of it: something of each kind is kept, changed,
// replaced, removed and added. Each also has a directory that stays as it is.
func mergedTrees(t *testing.T) (old, now string) {
	t.Helper()
	harness.RequireRoot(t)
	old = filepath.Join(t.TempDir(), "tree")
	at := func(path string) string { return filepath.Join(old, path) }
	for _, path := range []string{"data/kept/deep", "data/d/removed/below", "data/links", "data/to-file/below", "data/wide", "other/below"} {
		harness.Must(t, os.MkdirAll(at(path), 0o755))
	}
	for n, path := range []string{"data/kept/a", "data/kept/deep/b", "data/small", "data/d/large", "data/d/chmod", "data/d/chown", "data/d/removed/a",
		"data/d/removed/below/b", "data/to-directory", "data/to-link", "data/to-file/below/c", "data/moves", "data/links/1", "data/links/5",
		"data/links/7", "data/links/8", "other/a", "other/below/b"} {
		harness.WriteFile(t, at(path), trees.Body(n+10, 1))
	}
	for i := range 100 { // its entries need a block of their own
		harness.WriteFile(t, at(fmt.Sprintf("data/wide/%0200d", i)), "")
	}
	for link, file := range map[string]string{"data/links/2": "data/links/1", "data/links/3": "data/links/1", "data/d/link": "data/links/1", "data/links/6": "data/links/5"} {
		harness.Must(t, os.Link(at(file), at(link)))
	}
	harness.Must(t, os.Symlink("there", at("data/symlink")))
	harness.Must(t, unix.Mkfifo(at("data/fifo"), 0o640))

	now = filepath.Join(t.TempDir(), "tree")
	harness.CopyTree(t, old, now)
	mergeInto(t, func(path string) string { return filepath.Join(now, "data", path) })
	return old, now
}

func mergeInto(t *testing.T, at func(path string) string) {
	t.Helper()
	harness.WriteFile(t, at("small"), trees.Body(3, 2))
	harness.WriteFile(t, at("d/large"), trees.Body(2000, 2))
	harness.Must(t, os.Chmod(at("d/chmod"), 0o4711))
	harness.Must(t, os.Chown(at("d/chown"), 12, 13))
	for _, path := range []string{"d/removed", "to-directory", "to-file", "to-link", "symlink", fmt.Sprintf("wide/%0200d", 7), "links/3", "links/6", "links/8"} {
		harness.Must(t, os.RemoveAll(at(path)))
	}
	harness.Must(t, os.MkdirAll(at("to-directory/new"), 0o755))
	harness.WriteFile(t, at("to-directory/new/x"), "x")
	harness.WriteFile(t, at("to-file"), "a file now")
	harness.Must(t, os.Symlink("small", at("to-link")))
	harness.Must(t, os.Symlink("elsewhere", at("symlink")))
	harness.Must(t, os.Rename(at("moves"), at("d/moves")))
	harness.Must(t, os.Link(at("links/1"), at("to-directory/4")))
	harness.WriteFile(t, at("links/6"), "a file of its own")
	harness.Must(t, os.Link(at("links/7"), at("links/8")))
	harness.WriteFile(t, at("d/new"), trees.Body(5, 1))
	harness.Must(t, os.Chmod(at("kept"), 0o700))
}

// killStride: a publication of a load is killed at each of so many requests.
var killStride = harness.Scaled(8, 1)

// A load into an empty container whose publication is killed leaves nothing for readers, or
// everything, and goes on.
func TestALoadThatIsKilledAtAnyRequestOfItsPublicationGoesOn(t *testing.T) {
	t.Parallel()
	_, source := mergedTrees(t)
	p := publication{t: t, container: remote.NewLethal(t), source: source, flags: []string{"--preserve-hardlinks"}, now: trees.List(t, source)}
	p.killEverywhere(min(killStride, 3))
}

// So does one into a container that is there. Readers find each entry as it was or as it will be.
func TestALoadIntoAContainerThatIsKilledAtAnyRequestOfItsPublicationGoesOn(t *testing.T) {
	for name, own := range map[string]bool{"with the STATE of its first load": true, "with a STATE of its own": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, now := mergedTrees(t)
			c := remote.NewLethal(t)
			first := filepath.Join(t.TempDir(), "state")
			harness.Clfsload(t, c.Into(first, old, "--new", "--preserve-hardlinks")...).MustExit(harness.ExitOK)
			p := publication{t: t, container: c, base: c.Blobs("container"), source: filepath.Join(now, "data"), old: trees.List(t, old), now: trees.List(t, now),
				flags: []string{"--preserve-hardlinks", "--into", "/data", "--update", "--delete"}}
			if own {
				p.state = first
			}
			p.killEverywhere(killStride)
		})
	}
}
