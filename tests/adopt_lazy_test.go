package tests

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/sync/tree/treetest"
)

// watchedContainer remembers what was listed.
type watchedContainer struct {
	*meteredContainer
	mu       sync.Mutex
	listings []string // queries
}

// ServeHTTP implements http.Handler.
func (c *watchedContainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Get("comp") == "list" {
		c.mu.Lock()
		c.listings = append(c.listings, r.URL.RawQuery)
		c.mu.Unlock()
	}
	c.meteredContainer.ServeHTTP(w, r)
}

// wideContainer is a container of directories with as many files in each, which answers late.
func wideContainer(t *testing.T, directories, files int, latency time.Duration) *watchedContainer {
	t.Helper()
	c := &watchedContainer{meteredContainer: newMeteredContainer(t)}
	h := httptest.NewServer(c)
	t.Cleanup(h.Close)
	c.url = h.URL + "/account/container?sig=any"
	b := treetest.New(t)
	for d := range directories {
		dir := b.Root.Dir(fmt.Sprintf("directory-%06d", d))
		for f := range files {
			dir.File(fmt.Sprintf("file-%06d", f), []byte("text"))
		}
	}
	b.Finish()
	b.Container.Each(func(name string, data []byte) { c.Seed("container", name, data) })
	c.SetLatency(latency)
	return c
}

// requests counts what the service was asked for meanwhile.
func (c *watchedContainer) requests(do func()) map[string]int {
	before := c.Counts().Requests
	do()
	counts := maps.Clone(c.Counts().Requests)
	for operation, n := range before {
		counts[operation] -= n
	}
	return counts
}

// mustNotListAll wants each listing to be of one object, but for two looks whether there is
// anything, each of which is a page.
func (c *watchedContainer) mustNotListAll(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var whole []string
	pages := 0
	for _, text := range c.listings {
		q, err := url.ParseQuery(text)
		must(t, err)
		if len(q.Get("prefix")) < len("00000063_") {
			whole = append(whole, text)
		}
		if q.Has("marker") {
			pages++
		}
	}
	if len(whole) > 2 || pages > 0 {
		t.Errorf("%d of %d listings were of all blobs: %q", len(whole), len(c.listings), whole)
	}
}

// takesAtMost fails a test if something takes longer, unless others take the time.
func takesAtMost(t *testing.T, what string, limit time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	took := time.Since(began)
	t.Logf("%s: %v", what, took)
	if took > limit && !raceEnabled {
		t.Errorf("%s took %v, more than %v", what, took, limit)
	}
}

// isShownAtOnce mounts a large container and adds a file.
func isShownAtOnce(t *testing.T, directories, files int) {
	t.Helper()
	clfsload(t, "--version").mustExit(exitOK) // builds it
	c := wideContainer(t, directories, files, 10*time.Millisecond)
	var i *intake
	counts := c.requests(func() {
		takesAtMost(t, "mount and ls /", 2*time.Second, func() {
			i = newIntakeInto(t, c.url, quickly...)
			if names := namesIn(t, i.point); len(names) != directories {
				t.Errorf("the root has %d entries", len(names))
			}
		})
	})
	if sum := counts["List"] + counts["Get"] + counts["Put"] + counts["Lease"]; sum > 30 {
		t.Errorf("mount and ls / took %v requests", counts)
	}
	before := c.Blobs("container")
	takesAtMost(t, "add a file and publish", 5*time.Second, func() {
		writeFile(t, i.path("directory-000007/new"), "new")
		i.publish()
	})
	changes := changesOf(before, c.Blobs("container"))
	segments := ofTypes(t, changes.added)[clfs.TypeSegment]
	mustChange(t, changes, without0(types{clfs.TypeRegular: 1, clfs.TypeDirectory: 1, clfs.TypeSegment: segments}),
		without0(types{clfs.TypeDirectory: 1, clfs.TypeSegment: segments}))
	if n := len(changes.added) + len(changes.rewritten); n > 4 {
		t.Errorf("%d blobs were written", n)
	}
	counts = c.requests(func() {
		takesAtMost(t, "ls -l of a directory", 5*time.Second, func() {
			if tree := numbersOf(t, i.path("directory-000009")); len(tree) != files+1 {
				t.Errorf("the directory has %d entries", len(tree))
			}
		})
	})
	const ahead = 512 // inodes of other directories, at most
	if counts["Get"] > files+ahead || counts["List"] > files+ahead {
		t.Errorf("to look at %d files took %v requests", files, counts)
	}
	i.unmounted()
	c.mustNotListAll(t)
}

// without0 leaves out types of which there are none.
func without0(count types) types {
	maps.DeleteFunc(count, func(_ clfs.Type, n int) bool { return n == 0 })
	return count
}

func TestALargeContainerIsAdoptedAtOnce(t *testing.T) { isShownAtOnce(t, 1000, 5) }

// Who looks at one file in each of many directories reads no more than that.
func TestOnlyWhatIsLookedAtIsRead(t *testing.T) {
	c := wideContainer(t, 20, 100, 0)
	i := newIntakeInto(t, c.url, quickly...)
	counts := c.requests(func() {
		for d := range 20 {
			_, err := os.Stat(i.path(fmt.Sprintf("directory-%06d/file-000050", d)))
			must(t, err)
		}
	})
	if counts["Get"] > 20*4 || counts["List"] > 20*4 {
		t.Errorf("to look at 20 files in 20 directories took %v requests", counts)
	}
	i.unmounted()
	c.mustNotListAll(t)
}
