package contents

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/state"
)

// A File is a regular file that somebody works on.
type File struct {
	table   *Table
	Ino     state.Ino
	users   int          // guarded by the table's lock
	writers atomic.Int32 // handles that may write
	idle    atomic.Int32 // those of them that were flushed and have not written since

	// mu guards the contents: readers share it.
	mu     sync.RWMutex
	loaded bool
	node   state.Node    // as it was when it was loaded or begun
	staged *staging.File // nil: there is none
	used   int64         // blocks of 512 bytes that it was accounted with
	named  bool          // the name of the staging file is durable
	remote blockSet      // blocks that are not in staging
	gens   map[uint64]uint64
	clean  blockSet // blocks that the journal must be told of before they are changed
	ready  bool     // BeginWrite is committed, and clean is right
	order  order
	synced bool      // nothing was changed since the last fsync
	ended  time.Time // when the journal was told that it was written whole
	shared bool      // some descriptor has a copy: a flush says nothing, until all are released

	// meta guards what is newer than in the journal; who changes size and times
	// has mu as well.
	meta               sync.Mutex
	live               bool // being written: BeginWrite was called, and EndWrite not
	size, mtime, ctime int64
}

// isWritten reports whether a handle may write, or something that was written is
// not in the journal yet.
func (f *File) isWritten() bool {
	f.meta.Lock()
	defer f.meta.Unlock()
	return f.live || f.writers.Load() > 0
}

// load reads from the journal where the blocks are. mu is held.
func (f *File) load() error {
	if f.loaded {
		return nil
	}
	n, rows, err := f.table.Journal.Layout(f.table.ctx, f.Ino)
	if err != nil {
		return err
	}
	if n.Attr.Type != clfs.TypeRegular {
		return ErrWrongKind
	}
	if f.staged == nil {
		if err := f.openStaged(); err != nil {
			return err
		}
	}
	f.takeLayout(n, rows)
	f.loaded = true
	return nil
}

// takeLayout takes over where the journal says that the blocks are.
func (f *File) takeLayout(n state.Node, rows []state.Block) {
	f.node = n
	f.remote, f.clean, f.gens = blockSet{}, blockSet{}, nil
	f.clean.addRange(0, n.SealedBlocks)
	if n.Flags&state.Evicted != 0 {
		f.remote.addRange(0, n.SealedBlocks)
	}
	for _, b := range rows {
		f.place(b)
	}
	if !f.isLive() {
		f.setTimes(n.Attr.Size, n.Attr.Mtime, n.Attr.Ctime)
	}
}

// place takes over the row of one block.
func (f *File) place(b state.Block) {
	f.clean.set(b.Index, b.State != state.BlockDirty)
	f.remote.set(b.Index, b.State == state.BlockRemote)
	if b.State == state.BlockRemote {
		if f.gens == nil {
			f.gens = map[uint64]uint64{}
		}
		f.gens[b.Index] = b.Gen
	}
}

// generation is the one under which a remote block was uploaded.
func (f *File) generation(index uint64) uint64 {
	if gen, found := f.gens[index]; found {
		return gen
	}
	return f.node.Gen
}

func (f *File) isLive() bool {
	f.meta.Lock()
	defer f.meta.Unlock()
	return f.live
}

// written is what the journal is told of the file.
func (f *File) written(synced bool) state.Written {
	f.meta.Lock()
	defer f.meta.Unlock()
	return state.Written{Size: f.size, Mtime: f.mtime, Ctime: f.ctime, Synced: synced}
}

func (f *File) setTimes(size, mtime, ctime int64) {
	f.meta.Lock()
	defer f.meta.Unlock()
	f.size, f.mtime, f.ctime = size, mtime, ctime
}

// begin makes the file one that is being written. mu is held.
func (f *File) begin() error {
	if f.ready {
		return nil
	}
	if err := f.load(); err != nil {
		return err
	}
	if f.staged != nil && !f.isLive() {
		// After a crash the time of the staging file counts.
		if err := f.staged.SetModified(f.written(false).Mtime); err != nil {
			return err
		}
	}
	if f.staged == nil && f.size > 0 {
		// From BeginWrite on a crash takes the size from the staging file.
		if err := errors.Join(f.ensureStaged(), f.syncStaged()); err != nil {
			return err
		}
	}
	simple := !f.isLive() && !f.node.MayHaveBlocks()
	n, err := f.table.Journal.BeginWrite(f.table.ctx, f.Ino)
	if n.Ino != 0 {
		f.table.Nodes.Changed(n)
		f.setLive(true)
	}
	if err != nil {
		return err
	}
	var rows []state.Block
	if !simple {
		if rows, err = f.table.Journal.BlocksOf(f.table.ctx, f.Ino); err != nil {
			return err
		}
	}
	f.takeLayout(n, rows)
	f.ready = true
	return nil
}

// Created makes the file one that was just made; written is whether it is being
// written.
func (f *File) Created(n state.Node, written bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takeLayout(n, nil)
	f.loaded, f.ready = true, written
	f.setLive(written)
}

func (f *File) setLive(live bool) {
	f.meta.Lock()
	defer f.meta.Unlock()
	f.live = live
}

// EndUnwritten is end if nobody may write to the file any more.
func (f *File) EndUnwritten() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.endLast()
}

// endLast is endUnwritten with mu held.
func (f *File) endLast() error {
	if f.writers.Load() > 0 {
		return nil
	}
	return f.end()
}

// end tells the journal what was written. mu is held.
func (f *File) end() error {
	if !f.isLive() {
		return nil
	}
	n, err := f.table.Journal.EndWrite(f.table.ctx, f.Ino, f.written(f.synced))
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	f.table.Nodes.Changed(n)
	f.node, f.ready, f.order, f.ended = n, false, order{}, time.Now()
	f.setLive(false)
	return nil
}

// ReopenAfter is how long a file stays flushed until it is clear that it was not
// closed: the kernel sends the release right after the last flush.
const ReopenAfter = time.Second

// lingers reports whether the file was flushed so long ago, and some process has it open for
// writing still: another one has closed its copy of the descriptor. Then the file is
// one that is being written again. mu is held.
func (f *File) lingers(after time.Duration) (bool, error) {
	if f.isLive() || f.writers.Load() == 0 || f.ended.IsZero() || time.Since(f.ended) < after {
		return false, nil
	}
	if f.staged != nil {
		if err := f.staged.SetModified(f.written(false).Mtime); err != nil {
			return false, err
		}
	}
	return true, f.table.Journal.StillOpen(f.table.ctx, []state.Ino{f.Ino})
}

// openStaged opens the staging file, if there is one. mu is held.
func (f *File) openStaged() error {
	staged, err := f.table.Staging.Open(f.Ino)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.staged, f.used, f.named = staged, staged.Blocks(), true
	return nil
}

// ensureStaged makes the staging file if there is none. mu is held.
func (f *File) ensureStaged() error {
	if f.staged != nil {
		return nil
	}
	staged, err := f.table.Staging.Create(f.Ino)
	if err != nil {
		return err
	}
	if f.size > 0 {
		if err := errors.Join(staged.Truncate(f.size), staged.SetModified(f.written(false).Mtime)); err != nil {
			return errors.Join(err, staged.Close())
		}
	}
	f.staged, f.used, f.named = staged, 0, false
	return nil
}

// account tells what the staging file takes on the disk. mu is held.
func (f *File) account() {
	if f.staged == nil {
		return
	}
	used := f.staged.Blocks()
	f.table.Staging.Account(f.Ino, (used-f.used)*512)
	f.used = used
}

// shut closes the staging file. mu is held.
func (f *File) shut() {
	if f.staged != nil {
		_ = f.staged.Close()
		f.staged = nil
	}
	f.loaded = false
}

// isFlushed reports whether all handles that may write were flushed, and have not
// written since.
func (f *File) isFlushed() bool { return f.idle.Load() >= f.writers.Load() }
