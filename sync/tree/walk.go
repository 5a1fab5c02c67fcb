package tree

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/rescue"
)

// SkipDir is an error that a visitor's Entry returns so that the walk does not enter a directory.
var SkipDir = errors.New("do not enter this directory")

// dirsAtATime is how many directories a walk reads at a time.
const dirsAtATime = 16

// A Dir is a directory that a walk has entered.
type Dir struct {
	Path   string // from the container's root: "/" or "/a/b"
	Node   *Node
	Parent clfs.ID // the parent directory; empty at the start of the walk
	Value  any     // data of the visitor, from Enter on

	open atomic.Int64 // entries not done, and one more while entries are being read
}

// Join is the path of an entry of the directory.
func (d *Dir) Join(name string) string {
	if d.Path == "/" {
		return "/" + name
	}
	return d.Path + "/" + name
}

// A Visited is an entry that a walk has reached.
type Visited struct {
	Dir  *Dir
	Name string
	ID   clfs.ID
	Node *Node // nil if the inode cannot be read
	Err  error // why it cannot be read, or is not entered: KindEntryName, KindLoop
	// Damage is the damage of a readable inode: see [Node.Check] and [Node.CheckLink].
	Damage error
}

// Path is the path of the entry in the container.
func (v Visited) Path() string { return v.Dir.Join(v.Name) }

// A Visitor has the functions that a walk calls. Every field may be nil. An error from one of the
// functions ends the walk and is its error. All but Dirent are called from many goroutines, for
// different entries at the same time.
type Visitor struct {
	// Enter is called first for a directory. If it returns false, the walk skips the directory's
	// contents.
	Enter func(ctx context.Context, d *Dir) (bool, error)
	// Dirent is called for each entry of a directory in its order, one
	// after the other, the dots included. The name is valid during the call.
	Dirent func(d *Dir, s DirSegment, e object.Dirent) error
	// Entry is called for each entry except the dots, after its inode was read. If it returns
	// SkipDir for a directory, the walk does not enter that.
	Entry func(ctx context.Context, v Visited) error
	// Lost is called for an unreadable part of a directory. Without it, such a part ends the walk.
	Lost func(d *Dir, err error) error
	// Leave is called when Entry has returned for all entries of a directory. Its subdirectories
	// may still follow.
	Leave func(ctx context.Context, d *Dir) error
}

// Walk visits everything below the directory start, which is at path, with many requests in flight.
// The order is not defined. Each directory is entered once; a second entry that leads to it is
// [KindLoop] damage, or [ErrMoving]. Memory does not depend on the size of the tree: waiting
// directories and the ids of entered ones are in a temporary database.
func (t *Tree) Walk(ctx context.Context, start *Node, path string, v Visitor) error {
	if !start.IsDir() {
		return fmt.Errorf("%s: %w", path, ErrNotDirectory)
	}
	queue, err := newDirQueue(t.options.TempDir)
	if err != nil {
		return err
	}
	defer queue.close()
	group, ctx := rescue.WithContext(ctx)
	defer context.AfterFunc(ctx, queue.stop)()
	w := &walker{t: t, v: v, queue: queue, group: group, slots: make(chan struct{}, t.options.Requests)}
	if _, err := queue.claim(start.ID); err != nil {
		return err
	}
	if err := queue.push(&Dir{Path: path, Node: start}); err != nil {
		return err
	}
	for range dirsAtATime {
		group.Go(func() error { return w.work(ctx) })
	}
	return group.Wait()
}

type walker struct {
	t     *Tree
	v     Visitor
	queue *dirQueue
	group rescue.Group
	slots chan struct{} // one for each entry that is being visited
}

func (w *walker) work(ctx context.Context) error {
	for {
		d, err := w.queue.pop()
		if err != nil {
			return err
		}
		if d == nil {
			return ctx.Err()
		}
		if err := w.dir(ctx, d); err != nil {
			return err
		}
	}
}

// dir reads a directory and starts a visit for each of its entries.
func (w *walker) dir(ctx context.Context, d *Dir) error {
	d.open.Store(1)
	enter := true
	if w.v.Enter != nil {
		var err error
		if enter, err = w.v.Enter(ctx, d); err != nil {
			return err
		}
	}
	if enter {
		if err := w.segments(ctx, d); err != nil {
			return err
		}
	}
	return w.closeEntry(ctx, d)
}

func (w *walker) segments(ctx context.Context, d *Dir) error {
	for s, err := range w.t.DirSegments(ctx, d.Node) {
		if err == nil {
			err = w.segment(ctx, d, s)
		} else {
			err = w.lost(ctx, d, err)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lost reports an unreadable part of a directory.
func (w *walker) lost(ctx context.Context, d *Dir, err error) error {
	if ctx.Err() != nil || w.v.Lost == nil {
		return fmt.Errorf("read directory %s: %w", d.Path, err)
	}
	return w.v.Lost(d, err)
}

func (w *walker) segment(ctx context.Context, d *Dir, s DirSegment) error {
	for e, err := range object.Dirents(s.Raw) {
		if err != nil {
			return w.lost(ctx, d, BadObject(err, s.Blob))
		}
		if w.v.Dirent != nil {
			if err := w.v.Dirent(d, s, e); err != nil {
				return err
			}
		}
		if isDot(e.Name) {
			continue
		}
		if err := w.startEntry(ctx, Visited{Dir: d, Name: string(e.Name), ID: e.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) startEntry(ctx context.Context, v Visited) error {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	v.Dir.open.Add(1)
	w.group.Go(func() error {
		err := w.entry(ctx, v)
		<-w.slots
		if err != nil {
			return err
		}
		return w.closeEntry(ctx, v.Dir)
	})
	return nil
}

// entry reads an entry's inode, visits it, and queues it if it is a directory.
func (w *walker) entry(ctx context.Context, v Visited) error {
	v.Node, v.Err = w.t.Node(ctx, v.ID)
	if err := ctx.Err(); err != nil {
		return err
	}
	if v.Err == nil {
		v.Damage = errors.Join(v.Node.Check(), w.t.settled(ctx, v.Node.CheckLink(v.Dir.Node.ID)))
	}
	if v.Err == nil && !ValidName([]byte(v.Name)) {
		v.Err = damagef(KindEntryName, v.Dir.Node.Blob, "entry %q, which cannot be a file's name", v.Name)
	}
	if v.Err == nil && v.Node.IsDir() {
		added, err := w.queue.claim(v.ID)
		if err != nil {
			return err
		}
		if !added {
			v.Err = w.t.Again(ctx, v.Dir.Node.Blob, v.Name, v.ID)
		}
	}
	if w.v.Entry != nil {
		err := w.v.Entry(ctx, v)
		if errors.Is(err, SkipDir) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if v.Err != nil || !v.Node.IsDir() {
		return nil
	}
	return w.queue.push(&Dir{Path: v.Path(), Node: v.Node, Parent: v.Dir.Node.ID})
}

// closeEntry counts that an entry, or the reading of the directory, is done.
func (w *walker) closeEntry(ctx context.Context, d *Dir) error {
	if d.open.Add(-1) > 0 {
		return nil
	}
	defer w.queue.done()
	if w.v.Leave != nil {
		return w.v.Leave(ctx, d)
	}
	return nil
}
