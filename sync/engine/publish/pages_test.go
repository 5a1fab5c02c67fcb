package publish

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/state"
)

// many is more than two pages.
const many = 2*page + 500

// A directory of many entries, that many have left for another, is listed whole: the old ones by
// stand-ins, because others have their names.
func TestALargeDirectoryIsListedWhole(t *testing.T) {
	j := newJournal()
	root := j.nodes[state.RootIno]
	from, to := j.add(root, "from", clfs.TypeDirectory), j.add(root, "to", clfs.TypeDirectory)
	for i := range many {
		j.upload(j.add(from, numbered(i), clfs.TypeRegular))
	}
	j.publishAtOnce(t)
	for i := range many {
		name := numbered(i)
		j.move(from, name, to, name, j.nodes[from.entries[name]], nil)
		j.upload(j.add(from, name, clfs.TypeRegular))
	}
	j.beginPublication()
	r := &pagedRows{j.clone(), t, map[string]int{}}
	steps := stepsOf(t, r, ChangedDirectories)
	if len(steps) != 2 || steps[0].Node.Ino != from.Ino || steps[0].Last || steps[1].Node.Ino != to.Ino || !steps[1].Last {
		t.Fatalf("the steps are %+v", steps)
	}
	r.calls = map[string]int{}
	checkNumbers(t, Listing(t.Context(), r, steps[0]), many)
	if r.calls["children"] != 3 || r.calls["tombstones"] != 3 {
		t.Errorf("read in pages %v", r.calls)
	}
	checkNumbers(t, Listing(t.Context(), r, stepsOf(t, r, FinalDirectories)[0]), 0)
}

// checkNumbers holds a listing to all names, and as many stand-ins.
func checkNumbers(t *testing.T, entries iter.Seq2[Entry, error], standIns int) {
	t.Helper()
	names, inos := map[string]bool{}, map[state.Ino]bool{}
	for e, err := range entries {
		if err != nil || !e.Listed {
			t.Fatalf("%s, %v", e.Name, err)
		}
		names[string(e.Name)], inos[e.Ino] = true, true
		if strings.HasPrefix(string(e.Name), ".clfsload-moved-") {
			standIns--
		}
	}
	for i := range many {
		if !names[numbered(i)] {
			t.Fatalf("%s is not listed", numbered(i))
		}
	}
	if standIns != 0 || len(names) != len(inos) {
		t.Errorf("%d names of %d inodes, %d stand-ins are missing", len(names), len(inos), standIns)
	}
}

// Each of many directories and files has its step.
func TestManyStepsAreRead(t *testing.T) {
	j := newJournal()
	root := j.nodes[state.RootIno]
	for i := range many {
		d := j.add(root, numbered(i), clfs.TypeDirectory)
		j.upload(j.add(d, "file", clfs.TypeRegular))
	}
	checkSteps(t, j, NewDirectories, many, 3)
	checkSteps(t, j, FinalDirectories, 0, 1)
	j.publishAtOnce(t)
	for i := range many {
		d := j.nodes[root.entries[numbered(i)]]
		j.move(d, "file", root, "file of "+numbered(i), j.nodes[d.entries["file"]], nil)
	}
	j.beginPublication()
	checkSteps(t, j, NewDirectories, 0, 1)
	checkSteps(t, j, Inodes, many, 3)
	checkSteps(t, j, ChangedDirectories, 1, 3) // the others only lost entries
	checkSteps(t, j, FinalDirectories, many, 3)
}

func checkSteps(t *testing.T, j *journal, phase Phase, want, pages int) {
	t.Helper()
	r := &pagedRows{j.clone(), t, map[string]int{}}
	inos := map[state.Ino]bool{}
	for _, s := range stepsOf(t, r, phase) {
		inos[s.Node.Ino] = true
	}
	if len(inos) != want || r.calls["list"] != pages {
		t.Errorf("phase %d has steps of %d inodes in %d pages, want %d in %d", phase, len(inos), r.calls["list"], want, pages)
	}
}

func numbered(i int) string { return fmt.Sprintf("n%04d", i) }

func stepsOf(t *testing.T, r Rows, phase Phase) (list []Step) {
	t.Helper()
	for s, err := range Steps(t.Context(), r, phase) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// publishAtOnce records a publication that nothing disturbs.
func (j *journal) publishAtOnce(t *testing.T) {
	t.Helper()
	j.beginPublication()
	snapshot := j.clone()
	for _, phase := range Phases {
		for _, s := range stepsOf(t, snapshot, phase) {
			j.recordPut(state.Put{Node: s.Node, Snapshot: snapshot.seq, Final: s.Last, Complete: true})
		}
		j.reached = j.begun
	}
	j.endPublication(snapshot.seq)
}

// pagedRows counts pages, and holds readers to their size.
type pagedRows struct {
	*journal
	t     *testing.T
	calls map[string]int
}

func (r *pagedRows) count(what string, limit int) {
	r.t.Helper()
	r.calls[what]++
	if limit != page {
		r.t.Errorf("%d %s are read at a time", limit, what)
	}
}

func (r *pagedRows) NewDirectories(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	r.count("list", limit)
	return r.journal.NewDirectories(ctx, after, limit)
}

func (r *pagedRows) ChangedNodes(ctx context.Context, after state.Ino, limit int) ([]state.Node, error) {
	r.count("list", limit)
	return r.journal.ChangedNodes(ctx, after, limit)
}

func (r *pagedRows) ChangedDirectories(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	r.count("list", limit)
	return r.journal.ChangedDirectories(ctx, after, limit)
}

func (r *pagedRows) DirectoriesWithTombstones(ctx context.Context, after state.Ino, limit int) ([]state.ChangedDirectory, error) {
	r.count("list", limit)
	return r.journal.DirectoriesWithTombstones(ctx, after, limit)
}

func (r *pagedRows) Children(ctx context.Context, dir state.Ino, after []byte, limit int) ([]state.SnapshotChild, error) {
	r.count("children", limit)
	return r.journal.Children(ctx, dir, after, limit)
}

func (r *pagedRows) Tombstones(ctx context.Context, dir state.Ino, after state.Tombstone, limit int) ([]state.Tombstone, error) {
	r.count("tombstones", limit)
	return r.journal.Tombstones(ctx, dir, after, limit)
}
