package tree_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
)

// describe is what both a container and the source archive can tell of a file.
func describe(t clfs.Type, mode uint32, size uint64, uid, gid uint32, sec int64, micro int64, content string) string {
	return fmt.Sprintf("%s %o %d %d:%d %d.%06d %s", t, mode&0o7777, size, uid, gid, sec, micro, content)
}

// sourceTree describes what is in source-tree.tar.gz, by path.
func sourceTree(t *testing.T) map[string]string {
	f, err := os.Open(clfstest.GoldenPath(t, "source-tree.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		p := "/" + strings.TrimPrefix(strings.TrimPrefix(path.Clean(h.Name), "tree"), "/")
		if h.Typeflag == tar.TypeLink {
			found[p] = found["/"+strings.TrimPrefix(path.Clean(h.Linkname), "tree/")]
			continue
		}
		found[p] = describeHeader(t, h, archive)
	}
}

func describeHeader(t *testing.T, h *tar.Header, content io.Reader) string {
	kind, text := clfs.TypeRegular, ""
	switch h.Typeflag {
	case tar.TypeDir:
		kind = clfs.TypeDirectory
	case tar.TypeSymlink:
		kind, text = clfs.TypeSymlink, h.Linkname
	case tar.TypeFifo:
		kind = clfs.TypeFIFO
	case tar.TypeBlock:
		kind, text = clfs.TypeBlock, fmt.Sprint(h.Devmajor, " ", h.Devminor)
	case tar.TypeChar:
		kind, text = clfs.TypeChar, fmt.Sprint(h.Devmajor, " ", h.Devminor)
	default:
		sum := sha256.New()
		if _, err := io.Copy(sum, content); err != nil {
			t.Fatal(err)
		}
		text = fmt.Sprintf("%x", sum.Sum(nil))
	}
	return describe(kind, uint32(h.Mode), uint64(h.Size), uint32(h.Uid), uint32(h.Gid), h.ModTime.Unix(), int64(h.ModTime.Nanosecond()/1000), text)
}

func describeNode(ctx context.Context, tr *tree.Tree, n *tree.Node) (string, error) {
	a, size, text := n.Inode.Attr, n.Inode.Attr.Size, ""
	switch n.Type() {
	case clfs.TypeRegular:
		sum := sha256.New()
		if err := tr.WriteTo(ctx, sum, n, 0, size); err != nil {
			return "", err
		}
		text = fmt.Sprintf("%x", sum.Sum(nil))
	case clfs.TypeSymlink:
		text, size = string(n.Target()), 0
	case clfs.TypeBlock, clfs.TypeChar:
		text, size = fmt.Sprint(a.RdevMajor, " ", a.RdevMinor), 0
	case clfs.TypeDirectory:
		size = 0
	}
	// CLFSLoad had the times as floating point numbers, good to about a microsecond.
	mtime := time.Unix(int64(a.Mtime.Sec), int64(a.Mtime.Nsec)).Round(time.Microsecond)
	return describe(n.Type(), a.Mode, size, a.UID, a.GID, mtime.Unix(), int64(mtime.Nanosecond()/1000), text), nil
}

// containerTree describes what a walk over a container finds, by path.
func containerTree(t *testing.T, tr *tree.Tree) map[string]string {
	root, err := tr.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	found := map[string]string{}
	add := func(ctx context.Context, p string, n *tree.Node) error {
		text, err := describeNode(ctx, tr, n)
		mu.Lock()
		defer mu.Unlock()
		found[p] = text
		return err
	}
	err = tr.Walk(t.Context(), root, "/", tree.Visitor{
		Enter: func(ctx context.Context, d *tree.Dir) (bool, error) { return true, add(ctx, d.Path, d.Node) },
		Entry: func(ctx context.Context, v tree.Visited) error {
			if v.Err != nil {
				return v.Err
			}
			return add(ctx, v.Path(), v.Node)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWalkOfGoldenContainersFindsTheSourceTree(t *testing.T) {
	want := sourceTree(t)
	want["/special/sock"] = "" // a tar cannot hold it
	if len(want) < 4000 {
		t.Fatalf("the source archive has %d entries only", len(want))
	}
	for _, name := range []string{treetest.GoldenLZ4, treetest.GoldenRaw} {
		for _, indexed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " indexed ", indexed), func(t *testing.T) {
				tr, err := tree.Open(t.Context(), treetest.Golden(t, name), tree.Options{TempDir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				defer tr.Close()
				if indexed {
					if _, err := tr.BuildIndex(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				compareTrees(t, containerTree(t, tr), want)
			})
		}
	}
}

func compareTrees(t *testing.T, got, want map[string]string) {
	t.Helper()
	for p, text := range want {
		if g := got[p]; g == "" || text != "" && g != text {
			t.Errorf("%q: got %q, want %q", p, g, text)
		}
	}
	for p, text := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%q: got %q, is not in the source", p, text)
		}
	}
	if !strings.HasPrefix(got["/special/sock"], "socket 755") {
		t.Errorf("socket: %s", got["/special/sock"])
	}
}

func TestLookupFindsEachNameOfTheGoldenTree(t *testing.T) {
	tr, err := tree.Open(t.Context(), treetest.Golden(t, treetest.GoldenLZ4), tree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"names/not-utf8-\377\376", "/names/with\nnewline", "//links/./h1", "links/other/h3", "empty/nested/deeper/", "/"} {
		if _, err := tr.Lookup(t.Context(), p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	for p, want := range map[string]error{"nothing": tree.ErrNotFound, "links/h1/x": tree.ErrNotDirectory, "links/h1/": tree.ErrNotDirectory, "links/h1/.": tree.ErrNotDirectory, "links/..": tree.ErrNotFound} {
		if _, err := tr.Lookup(t.Context(), p); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", p, err, want)
		}
	}
}
