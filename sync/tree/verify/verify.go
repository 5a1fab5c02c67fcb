package verify

import (
	"context"
	"errors"
	"fmt"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree"
	"clfsload/sync/tree/scratch"
)

// Options are the settings of a verification.
type Options struct {
	// Quick reads inodes, directories and block maps, but no file contents: of data segments only
	// the names are checked.
	Quick bool
	// Source is a directory to compare the tree with, contents included unless
	// Quick; empty for none.
	Source string
	// Takes selects the source entries that the container should have; nil: all.
	Takes SourceFilter
	// Found is called for each finding, one at a time, in no defined order.
	Found func(Finding)
	// Step is called with the name of each step as it begins.
	Step func(string)
}

// A SourceFilter returns for a directory of the source, by its path below the root
// ("" for the root), the choice of those of its entries that were loaded.
type SourceFilter func(dir string) func(name string, isDir bool) bool

// Run verifies the container of a fresh tree. The error is the reason why the check could not
// complete, such as a lost connection, never a finding.
func Run(ctx context.Context, t *tree.Tree, o Options) (Report, error) {
	c, err := newChecker(t, o)
	if err != nil {
		return Report{}, err
	}
	defer c.close()
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"list", c.list}, {"bucket", c.bucket}, {"names", c.names}, {"walk", c.walk}, {"links", c.links},
		{"source", c.joined}, {"orphans", c.orphans},
	}
	for _, s := range steps {
		if o.Step != nil {
			o.Step(s.name)
		}
		if err := s.run(ctx); err != nil {
			return c.report(), fmt.Errorf("verify %s: %w", t.Container(), err)
		}
	}
	return c.report(), nil
}

// checker is one run.
type checker struct {
	*reporter
	options Options
	t       *tree.Tree
	index   *tree.Index
	reached tree.Marks
	db      *scratch.DB
	root    object.Attr  // the root's, which has the ids that all inodes share
	source  *source      // nil without Options.Source
	mark    *object.Mark // of clfsload; nil: none
	origin  origin
}

func newChecker(t *tree.Tree, o Options) (*checker, error) {
	db, err := scratch.Open(t.TempDir())
	if err != nil {
		return nil, err
	}
	c := &checker{reporter: newReporter(o.Found), options: o, t: t, db: db}
	for _, table := range tables {
		if _, err := db.Exec(table); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	if o.Source != "" {
		c.source, err = openSource(o.Source)
		if err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	return c, nil
}

func (c *checker) close() {
	_ = c.db.Close()
	if c.source != nil {
		c.source.close()
	}
}

func (c *checker) report() Report {
	r := c.snapshot()
	// The skipped objects are counted from the names, each once; only records are seen when objects
	// are read.
	passed := c.t.PassedOver()
	r.Passed = tree.PassedOver{OlderVersions: r.Damage[KindStale] + r.Remarks[KindStale], Snapshots: r.Remarks[KindSnapshot],
		Tombstones: r.Remarks[KindTombstone], UnknownRecords: passed.UnknownRecords, ExtAttrs: passed.ExtAttrs}
	r.Checked = c.t.Traffic().Checked
	return r
}

func (c *checker) list(ctx context.Context) error {
	c.t.AcceptAnyOwnID()
	index, err := c.t.BuildIndex(ctx)
	if err != nil {
		return err
	}
	c.index = index
	c.reached = tree.NewMarks(index.Len())
	c.reporter.report.Blobs = index.Len()
	return nil
}

func (c *checker) walk(ctx context.Context) error {
	root, err := c.t.Root(ctx)
	if errors.Is(err, tree.ErrUnfinished) {
		c.noRoot()
		return nil
	}
	if err != nil {
		return c.reading("/", err)
	}
	c.reached.Set(root.Number)
	if !root.IsDir() {
		c.damage(KindType, "/", root.Blob, "the root is a %s", root.Type())
		return nil
	}
	c.root = root.Inode.Attr
	c.rootAttributes(root)
	if c.source != nil {
		if err := c.compare(root, "/"); err != nil {
			return err
		}
	}
	if err := c.inode(ctx, root, place{path: "/", name: string(root.Inode.Name), dir: clfs.RootID, onDisk: true}); err != nil {
		return err
	}
	return c.t.Walk(ctx, root, "/", tree.Visitor{Enter: c.enter, Dirent: c.dirent, Entry: c.entry, Lost: c.lost, Leave: c.leave})
}

// noRoot reports that there is no root directory. A mount that has never published has no root.
func (c *checker) noRoot() {
	if m := c.mark; m != nil && m.Open == object.OpenMount && m.Publication == 0 {
		c.remark(KindNoRoot, "/", clfs.RootID.String(), "there is no root directory yet: STATE %s has not published anything", m.State)
		return
	}
	c.damage(KindNoRoot, "/", clfs.RootID.String(), "%s", tree.ErrUnfinished)
}

// entry checks the inode of an entry. All checks except that of the link are made when an inode is
// reached for the first time.
func (c *checker) entry(ctx context.Context, v tree.Visited) error {
	if v.Err != nil {
		if err := c.reading(v.Path(), v.Err); err != nil {
			return err
		}
	}
	if v.Node == nil {
		return nil
	}
	first := c.reached.Set(v.Node.Number)
	at := place{path: v.Path(), name: v.Name, dir: v.Dir.Node.ID, onDisk: v.Err == nil}
	if c.source != nil && at.onDisk {
		if err := c.compare(v.Node, at.path); err != nil {
			return err
		}
	}
	if err := c.link(v.Node, at, first); err != nil || !first {
		return err
	}
	return c.inode(ctx, v.Node, at)
}

// place is the place where an inode was found.
type place struct {
	path string
	name string
	dir  clfs.ID // the directory that has the entry
	// onDisk is whether the source may have the path: not if a name in it is invalid for a file.
	onDisk bool
}
