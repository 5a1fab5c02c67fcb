package scan

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
)

// memoryScratch is a Scratch in memory.
type memoryScratch struct {
	db *sql.DB
}

func newScratch(t *testing.T) *memoryScratch {
	t.Helper()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return &memoryScratch{db: db}
}

func (s *memoryScratch) Exec(query string, args ...any) (int64, error) {
	r, err := s.db.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *memoryScratch) Row(query string, args []any, dest ...any) (bool, error) {
	err := s.db.QueryRow(query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func mustWrite(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func takeSurvey(t *testing.T, root string, preserve bool, f filter.Filter) (Survey, []string) {
	t.Helper()
	tree, err := OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	var mu sync.Mutex
	var failed []string
	o := Options{Workers: 4, Filter: f, Failed: func(path string, p state.Failure) {
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, path+": "+p.Op)
	}}
	s, err := NewSurveyor(tree, o, preserve, newScratch(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Survey(), failed
}

// surveyTree has one file of 20 GiB (a hole), three names of one file, a
// link, and a directory of 600 entries with long names.
func surveyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	mustWrite(t, filepath.Join(root, "huge"), 20<<30)
	mustWrite(t, filepath.Join(root, "a/first"), 20000)
	for _, name := range []string{"second", "third"} {
		if err := os.Link(filepath.Join(root, "a/first"), filepath.Join(root, "a", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(strings.Repeat("x", 1000), filepath.Join(root, "a/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.Repeat("x", 2000), filepath.Join(root, "a/toolong")); err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		mustWrite(t, filepath.Join(root, "wide", fmt.Sprintf("%s%03d", strings.Repeat("n", 97), i)), 0)
	}
	return root
}

func TestSurveyCountsWhatALoadWouldWrite(t *testing.T) {
	root := surveyTree(t)
	for _, preserve := range []bool{false, true} {
		s, failed := takeSurvey(t, root, preserve, filter.Filter{})
		files, objects, bytes, segments := int64(604), int64(608), int64(20<<30+3*20000), int64(2560+3)
		if preserve {
			objects, bytes, segments = objects-2, bytes-2*20000, segments-2
		}
		if s.Names[clfs.TypeRegular] != files || s.Names[clfs.TypeDirectory] != 3 || s.Names[clfs.TypeSymlink] != 1 || s.Entries() != 608 {
			t.Errorf("names %v", s.Names)
		}
		if s.Objects != objects || s.Bytes != bytes || s.Segments != segments {
			t.Errorf("preserve %v: %d objects, %d bytes, %d segments", preserve, s.Objects, s.Bytes, s.Segments)
		}
		// 600 entries of 130 bytes: 126 in the inode, the others in one segment.
		if s.DirectorySegments != 1 || s.IndirectBlocks != 1 {
			t.Errorf("%d directory segments, %d indirect blocks", s.DirectorySegments, s.IndirectBlocks)
		}
		if want := objects + segments + 3; s.Blobs() != want {
			t.Errorf("%d blobs, not %d", s.Blobs(), want)
		}
		if s.LinkGroups != 1 || s.LinkedNames != 3 {
			t.Errorf("%d groups of %d names", s.LinkGroups, s.LinkedNames)
		}
		if s.LargestFile != (Largest{"huge", 20 << 30}) || s.LargestDirectory != (Largest{"wide", 600}) {
			t.Errorf("largest %v %v", s.LargestFile, s.LargestDirectory)
		}
		if s.Unreadable != 1 || len(failed) != 1 || failed[0] != "a/toolong: readlink" {
			t.Errorf("%d unreadable: %q", s.Unreadable, failed)
		}
	}
}

func TestSurveyEntersNoExcludedDirectory(t *testing.T) {
	f, err := filter.New(nil, []string{"wide/", "huge"})
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := takeSurvey(t, surveyTree(t), false, f); s.Entries() != 6 {
		t.Errorf("%d entries: %v", s.Entries(), s.Names)
	}
}

// The estimate is held to a journal of the same tree.
func TestSurveyEstimatesTheJournal(t *testing.T) {
	for name, length := range map[string]int{"short names": 8, "usual names": 20, "long names": 120} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for i := range 4000 {
				mustWrite(t, filepath.Join(root, fmt.Sprintf("d%02d/%0*x", i%40, length, i*2654435761%4294967291)), 5000)
			}
			s, _ := takeSurvey(t, root, false, filter.Filter{})
			real := journalSize(t, root)
			t.Logf("%d entries: journal %d bytes (%d an entry), estimate %d", s.Entries(), real, real/s.Entries(), s.JournalBytes)
			if ratio := float64(s.JournalBytes) / float64(real); ratio < 0.8 || ratio > 1.25 {
				t.Errorf("estimate %d, journal %d", s.JournalBytes, real)
			}
		})
	}
}

// journalSize scans a tree into a journal and returns how large the journal is.
func journalSize(t *testing.T, root string) int64 {
	t.Helper()
	tree, err := OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	attr, err := tree.Attr()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "state")
	j, err := state.Create(dir, state.Settings{DirMgrCount: clfs.DefaultDirMgrCount, ContainerID: 1}, attr)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := NewScanner(tree, j, Options{Workers: 4, Failed: func(string, state.Failure) {}}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", filepath.Join(dir, "journal.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var pages, size int64
	if err := db.QueryRow(`SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&pages, &size); err != nil {
		t.Fatal(err)
	}
	return pages * size
}

func TestPathsThatDoNotFitIntoMemoryComeBack(t *testing.T) {
	q, err := newPathQueue(newScratch(t))
	if err != nil {
		t.Fatal(err)
	}
	const n = 3*pathsInMemory + 7
	for i := range n {
		if err := q.push(fmt.Sprintf("odd\xff/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for {
		path, ok, err := q.pop()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		seen[path] = true
		q.done()
	}
	if len(seen) != n || !seen["odd\xff/0"] {
		t.Errorf("%d of %d paths came back", len(seen), n)
	}
}

func TestSurveyEndsWithItsContext(t *testing.T) {
	tree, err := OpenTree(surveyTree(t))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	s, err := NewSurveyor(tree, Options{Workers: 2, Failed: func(string, state.Failure) {}}, false, newScratch(t))
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := s.Run(ctx); !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
}
