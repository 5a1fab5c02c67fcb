package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/clfs"
	"clfsload/sync/blob"
	"clfsload/sync/tree"
	"clfsload/sync/tree/scratch"
)

// Options say what to do about what is in the way or cannot be read.
type Options struct {
	// Overwrite replaces files that are in the destination and differ.
	Overwrite bool
	// KeepGoing reports what cannot be exported and goes on. Without it the
	// first failure ends the run.
	KeepGoing bool
	// LostFound brings out inodes that no directory leads to, below the
	// directory LostFoundName. It needs an index.
	LostFound bool
	// Owners sets owners, which only root can.
	Owners bool
	// Failed is called for each failure, from many goroutines.
	Failed func(Failure)
}

// A Failure is something that could not be exported, or not whole.
type Failure struct {
	Path   string `json:"path"`             // in the container, or below LostFoundName
	Object string `json:"object,omitempty"` // the blob's name, or an id
	Reason string `json:"reason"`
}

// Counts is what was done so far.
type Counts struct {
	Directories int64 `json:"directories"`
	Files       int64 `json:"files"`   // regular files written
	Others      int64 `json:"others"`  // links, devices, fifos, sockets and further names
	Skipped     int64 `json:"skipped"` // were there already
	Bytes       int64 `json:"bytes"`   // of contents, holes not counted
	Failures    int64 `json:"failures"`
}

// An Exporter is one run.
type Exporter struct {
	t       *tree.Tree
	options Options
	dest    *folder
	db      *scratch.DB
	done    tree.Marks // inodes exported; nil without LostFound
	base    string     // where in the container the walk started
	below   string     // what it is exported to, below the destination
	writing inUse

	directories, files, others, skipped, bytes, failures atomic.Int64
}

// New makes the destination directory, if need be, and opens it. It may itself
// be reached over symbolic links.
func New(t *tree.Tree, dest string, o Options) (*Exporter, error) {
	if err := os.MkdirAll(dest, 0o777); err != nil {
		return nil, fmt.Errorf("make destination: %w", err)
	}
	fd, err := unix.Open(dest, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open destination %s: %w", dest, err)
	}
	db, err := scratch.Open(t.TempDir())
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	x := &Exporter{t: t, options: o, dest: newFolder(fd), db: db}
	for _, table := range tables {
		if _, err := db.Exec(table); err != nil {
			x.Close()
			return nil, err
		}
	}
	return x, nil
}

// Close gives back what New took.
func (x *Exporter) Close() {
	x.db.Close()
	x.dest.release()
}

// Counts tells what was done so far.
func (x *Exporter) Counts() Counts {
	return Counts{x.directories.Load(), x.files.Load(), x.others.Load(), x.skipped.Load(), x.bytes.Load(), x.failures.Load()}
}

// Run exports the tree below start, which is at path. A directory's contents go
// into the destination itself; anything else goes there under its own name. A
// nil start is a root that is lost: everything is in LostFoundName then. The
// error is what ended the run; failures that did not are in Counts.
func (x *Exporter) Run(ctx context.Context, start *tree.Node, path string) error {
	if err := x.begin(ctx); err != nil {
		return err
	}
	if start != nil {
		if err := x.tree(ctx, start, path, ""); err != nil {
			return err
		}
	}
	if x.options.LostFound {
		if err := x.lostFound(ctx); err != nil {
			return err
		}
	}
	if err := x.links(ctx); err != nil {
		return err
	}
	if err := x.finishDirectories(ctx); err != nil {
		return err
	}
	if err := unix.Syncfs(x.dest.fd); err != nil {
		return fmt.Errorf("write out the destination: %w", err)
	}
	return nil
}

func (x *Exporter) begin(ctx context.Context) error {
	if !x.options.LostFound {
		return nil
	}
	index, err := x.t.Index(ctx)
	if err != nil {
		return err
	}
	x.done = tree.NewMarks(index.Len())
	return nil
}

// tree exports what is below start to the directory below.
func (x *Exporter) tree(ctx context.Context, start *tree.Node, path, below string) error {
	x.base, x.below = strings.TrimSuffix(path, "/"), below
	x.mark(start)
	x.tell(path, start.Check())
	if !start.IsDir() {
		at := path[strings.LastIndexByte(path, '/')+1:]
		return x.settled(path, x.make(ctx, x.dest, entry{start, at, path, "/" + at}))
	}
	if err := x.remember(start, below); err != nil {
		return err
	}
	return x.t.Walk(ctx, start, path, tree.Visitor{Enter: x.enter, Entry: x.entry, Lost: x.lost, Leave: x.leave})
}

// target is where a path in the container goes, below the destination.
func (x *Exporter) target(path string) string {
	return x.below + strings.TrimPrefix(path, x.base)
}

// mark says that an inode is not lost, and reports whether that is new.
func (x *Exporter) mark(n *tree.Node) (first bool) {
	return x.done == nil || x.done.Set(n.Number)
}

func (x *Exporter) enter(_ context.Context, d *tree.Dir) (bool, error) {
	f, err := x.dest.descend(x.target(d.Path))
	if err != nil {
		return false, x.settled(d.Path, err)
	}
	d.Value = f
	x.directories.Add(1)
	return true, nil
}

func (x *Exporter) leave(_ context.Context, d *tree.Dir) error {
	if f, ok := d.Value.(*folder); ok {
		f.release()
	}
	return nil
}

func (x *Exporter) lost(d *tree.Dir, err error) error {
	var damage *tree.Damage
	if errors.As(err, &damage) && damage.Whole {
		x.tell(d.Path, err)
		return nil
	}
	return x.settled(d.Path, fmt.Errorf("a part of the directory is lost: %w", err))
}

// An entry is a file to be made.
type entry struct {
	node   *tree.Node
	name   string // in its folder
	path   string // in the container, for messages
	target string // below the destination
}

func (x *Exporter) entry(ctx context.Context, v tree.Visited) error {
	path := v.Path()
	if v.Err != nil {
		return x.settled(path, v.Err)
	}
	first := x.mark(v.Node)
	x.tell(path, v.Damage)
	f := v.Dir.Value.(*folder)
	e := entry{v.Node, v.Name, path, x.target(path)}
	if !v.Node.IsDir() {
		return x.settled(path, x.make(ctx, f, e))
	}
	err := errElsewhere
	if first {
		err = x.makeDirectory(f, e)
	}
	if err == nil {
		return nil
	}
	return cmp.Or(x.settled(path, err), tree.SkipDir)
}

// errElsewhere is about a directory that a damaged container has in two places.
var errElsewhere = errors.New("the directory was exported in another place")

// makeDirectory makes a directory, or takes one that is there.
func (x *Exporter) makeDirectory(f *folder, e entry) error {
	err := f.mkdir(e.name)
	if err == unix.EEXIST {
		st, _, statErr := f.stat(e.name)
		switch {
		case statErr != nil:
			return statErr
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			err = f.unlock(e.name, &st)
		case x.options.Overwrite:
			if err = f.remove(e.name); err == nil {
				err = f.mkdir(e.name)
			}
		default:
			return ErrInTheWay
		}
	}
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	return x.remember(e.node, e.target)
}

// ErrInTheWay: the destination has a file that differs, and Options.Overwrite is not set.
var ErrInTheWay = errors.New("the destination has something else of that name, which is not replaced")

var errDirectoryInTheWay = errors.New("the destination has a directory of that name, and a directory is not replaced")

// settled decides what an error about one path means: nothing more than a
// failure that is reported, or the end of the run.
func (x *Exporter) settled(path string, err error) error {
	if err == nil {
		return nil
	}
	if isFatal(err) || !x.options.KeepGoing {
		return fmt.Errorf("export %s: %w", path, err)
	}
	x.fail(path, err)
	return nil
}

// tell reports damage of an inode that can be exported all the same.
func (x *Exporter) tell(path string, damage error) {
	if damage != nil {
		x.fail(path, damage)
	}
}

func (x *Exporter) fail(path string, err error) {
	x.failures.Add(1)
	if x.options.Failed == nil {
		return
	}
	f := Failure{Path: path, Reason: err.Error()}
	var d *tree.Damage
	if errors.As(err, &d) {
		f.Object = d.Object
	}
	x.options.Failed(f)
}

// isFatal reports whether an error would meet every other file too.
func isFatal(err error) bool {
	for _, fatal := range []error{context.Canceled, context.DeadlineExceeded, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.EMFILE,
		blob.ErrContainerMissing, blob.ErrCredentials, blob.ErrPermission, blob.ErrThrottled, blob.ErrTransient} {
		if errors.Is(err, fatal) {
			return true
		}
	}
	return false
}

// temporaryName is what a file is called while it is being made: the same in every
// run, so that a run takes over what one that was killed has left.
func temporaryName(e entry) string {
	return fmt.Sprintf(".clfsload-%016X.part", clfs.Hash64(string(e.node.ID)+e.name))
}
