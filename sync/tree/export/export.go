package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"clfsload/clfs/object"
	"clfsload/sync/blob"
	"clfsload/sync/deepdir"
	"clfsload/sync/tree"
	"clfsload/sync/tree/scratch"
)

// Options say how to handle existing files, and entries that cannot be read.
type Options struct {
	// Overwrite replaces files that are in the destination and differ.
	Overwrite bool
	// KeepGoing reports entries that cannot be exported and continues. Without it the first failure
	// ends the run.
	KeepGoing bool
	// LostFound exports inodes that no directory leads to, below the directory LostFoundName. It
	// needs an index.
	LostFound bool
	// Owners sets all owners and groups, which only root can. Without it files belong to the
	// exporting user, and to their own groups if the user is a member.
	Owners bool
	// Failed is called for each failure, from many goroutines.
	Failed func(Failure)
	// Twice is called for each further place of a directory that a publication moves, from many
	// goroutines. The directory is exported at the first place.
	Twice func(Failure)
}

// A Failure is an entry that could not be exported completely.
type Failure struct {
	Path   string `json:"path"`             // in the container, or below LostFoundName
	Object string `json:"object,omitempty"` // the blob's name, or an id
	Reason string `json:"reason"`
}

// Counts is the progress so far.
type Counts struct {
	Directories int64 `json:"directories"`
	Files       int64 `json:"files"`   // regular files written
	Others      int64 `json:"others"`  // links, devices, fifos, sockets and further names
	Skipped     int64 `json:"skipped"` // existed already
	Bytes       int64 `json:"bytes"`   // of contents, holes not counted
	Failures    int64 `json:"failures"`
	Damaged     int64 `json:"damaged"` // of the failures, entries that were exported although they break the format
	Left        Left  `json:"left"`
}

// Left counts attributes that the system does not let the exporting user restore.
type Left struct {
	Owners  int64 `json:"owners"`
	Groups  int64 `json:"groups"`
	SetIDs  int64 `json:"set_ids"` // files and directories without one of their set-id bits
	Foreign int64 `json:"foreign"` // directories of another user, which keep their attributes
}

// An Exporter is one run.
type Exporter struct {
	t       *tree.Tree
	start   *tree.Node // nil if it is lost
	options Options
	dest    *folder
	above   *deepdir.Opener // of directories below dest
	db      *scratch.DB
	done    tree.Marks // inodes exported; nil without LostFound
	base    string     // where in the container the walk started
	below   string     // its destination, below the destination directory
	rights  rights
	writing inUse
	temps   openFolders

	directories, files, others, skipped, bytes, failures atomic.Int64
	owners, groups, setIDs, foreign                      atomic.Int64
	damaged                                              atomic.Int64
}

// New opens the destination directory for the contents of start, and creates it if it is missing.
// See openDestination for the symbolic links that lead to it.
func New(t *tree.Tree, start *tree.Node, dest string, o Options) (*Exporter, error) {
	r, err := newRights(o.Owners)
	if err != nil {
		return nil, err
	}
	db, err := scratch.Open(t.TempDir())
	if err != nil {
		return nil, err
	}
	mode := uint32(0o777)
	if start != nil && start.IsDir() {
		mode = 0o700 // it gets its own in the end
	}
	fd, err := openDestination(dest, mode)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	x := &Exporter{t: t, start: start, options: o, dest: newFolder(fd), db: db, rights: r}
	x.above = &deepdir.Opener{Root: fd, Open: x.openAbove}
	for _, table := range tables {
		if _, err := db.Exec(table); err != nil {
			x.Close()
			return nil, err
		}
	}
	return x, nil
}

// Close releases the resources of New, and removes the leftovers of a run that ended early.
func (x *Exporter) Close() {
	x.temps.close()
	x.above.Forget()
	_ = x.db.Close()
	x.dest.release()
}

// Counts returns the counts so far.
func (x *Exporter) Counts() Counts {
	return Counts{x.directories.Load(), x.files.Load(), x.others.Load(), x.skipped.Load(), x.bytes.Load(), x.failures.Load(),
		x.damaged.Load(), Left{x.owners.Load(), x.groups.Load(), x.setIDs.Load(), x.foreign.Load()}}
}

// kept counts attributes of an entry that were not restored.
func (x *Exporter) kept(a object.Attr) {
	if !x.rights.owner(a.UID) {
		x.owners.Add(1)
	}
	if !x.rights.group(a.GID) {
		x.groups.Add(1)
	}
	if x.rights.mode(a) != a.Mode&0o7777 {
		x.setIDs.Add(1)
	}
}

// Run exports the tree below the start, which is at path. A directory's contents go into the
// destination itself; any other entry goes there under its own name. A nil start is a lost root:
// then everything is in LostFoundName. The error is the one that ended the run; other failures are
// in Counts.
func (x *Exporter) Run(ctx context.Context, path string) error {
	if err := x.begin(ctx); err != nil {
		return err
	}
	if x.start != nil {
		if err := x.top(ctx, path); err != nil {
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
		return fmt.Errorf("sync the destination: %w", err)
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

// top exports the start of the run.
func (x *Exporter) top(ctx context.Context, path string) error {
	x.mark(x.start)
	if x.start.IsDir() {
		st, err := statAt(x.dest.fd, "")
		if err == nil {
			err = x.adopt(x.dest.fd, &st, entry{node: x.start})
		}
		if err != nil {
			return fmt.Errorf("export %s: %w", path, err)
		}
		return x.tree(ctx, x.start, path, "")
	}
	at := path[strings.LastIndexByte(path, '/')+1:]
	err := x.make(ctx, x.dest, entry{x.start, at, path, "/" + at})
	return x.settled(path, errors.Join(err, x.dest.sweep()))
}

// tree exports the entries below the directory start to the directory below.
func (x *Exporter) tree(ctx context.Context, start *tree.Node, path, below string) error {
	x.base, x.below = strings.TrimSuffix(path, "/"), below
	x.tell(path, start.Check())
	return x.t.Walk(ctx, start, path, tree.Visitor{Enter: x.enter, Entry: x.entry, Lost: x.lost, Leave: x.leave})
}

// target is the place of a container path below the destination.
func (x *Exporter) target(path string) string {
	return x.below + strings.TrimPrefix(path, x.base)
}

// mark records that an inode is not lost, and reports whether that is new.
func (x *Exporter) mark(n *tree.Node) (first bool) {
	return x.done == nil || x.done.Set(n.Number)
}

func (x *Exporter) enter(_ context.Context, d *tree.Dir) (bool, error) {
	f, err := x.reopen(x.target(d.Path))
	if err != nil {
		return false, x.settled(d.Path, err)
	}
	x.temps.add(f)
	d.Value = f
	x.directories.Add(1)
	return true, nil
}

func (x *Exporter) leave(_ context.Context, d *tree.Dir) error {
	f, ok := d.Value.(*folder)
	if !ok {
		return nil
	}
	defer f.release()
	x.temps.remove(f)
	return x.settled(d.Path, f.sweep())
}

func (x *Exporter) lost(d *tree.Dir, err error) error {
	var damage *tree.Damage
	if errors.As(err, &damage) && damage.Whole {
		x.tell(d.Path, err)
		return nil
	}
	return x.settled(d.Path, fmt.Errorf("a part of the directory is lost: %w", err))
}

// An entry is a file to make.
type entry struct {
	node   *tree.Node
	name   string // in its folder
	path   string // in the container, for messages
	target string // below the destination
}

// isLinked reports whether the entry's inode has further names.
func (e *entry) isLinked() bool { return len(e.node.Inode.BackPointers) > 1 }

func (x *Exporter) entry(ctx context.Context, v tree.Visited) error {
	path := v.Path()
	if errors.Is(v.Err, tree.ErrMoving) {
		report(x.options.Twice, path, v.Err)
		return nil
	}
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

// ErrInTheWay: the destination has a file that differs, and Options.Overwrite is not set.
var ErrInTheWay = errors.New("the destination has a different entry of that name, and it is not replaced")

var errDirectoryInTheWay = errors.New("the destination has a directory of that name, and a directory is not replaced")

// settled decides whether an error about one path is only a reported failure, or the end of the
// run. A device that only root can make does not end the run of an ordinary user.
func (x *Exporter) settled(path string, err error) error {
	if err == nil {
		return nil
	}
	if isFatal(err) || !x.options.KeepGoing && !errors.Is(err, errNoDevice) {
		return fmt.Errorf("export %s: %w", path, err)
	}
	x.fail(path, err)
	return nil
}

// tell reports damage of an inode that can be exported nevertheless.
func (x *Exporter) tell(path string, damage error) {
	if damage != nil {
		x.damaged.Add(1)
		x.fail(path, damage)
	}
}

func (x *Exporter) fail(path string, err error) {
	x.failures.Add(1)
	report(x.options.Failed, path, err)
}

func report(to func(Failure), path string, err error) {
	if to == nil {
		return
	}
	f := Failure{Path: path, Reason: err.Error()}
	var d *tree.Damage
	if errors.As(err, &d) {
		f.Object = d.Object
	}
	to(f)
}

// isFatal reports whether an error would affect every other file, too.
func isFatal(err error) bool {
	for _, fatal := range []error{context.Canceled, context.DeadlineExceeded, unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.EMFILE,
		blob.ErrContainerMissing, blob.ErrCredentials, blob.ErrPermission, blob.ErrThrottled, blob.ErrTransient} {
		if errors.Is(err, fatal) {
			return true
		}
	}
	return false
}
