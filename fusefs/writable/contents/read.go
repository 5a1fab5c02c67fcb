package contents

import (
	"context"
	"errors"
	"io"

	"clfsload/fusefs/fetch"
	"clfsload/state"
)

// read reads into p from off on, and returns how many bytes there are.
func (f *File) read(ctx context.Context, p []byte, off int64, ahead *fetch.Sequence) (int, error) {
	if err := f.share(); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	return f.readShared(ctx, p, off, ahead)
}

// share locks the contents for reading, once they are loaded.
func (f *File) share() error {
	f.mu.RLock()
	for !f.loaded {
		f.mu.RUnlock()
		f.mu.Lock()
		err := f.load()
		f.mu.Unlock()
		if err != nil {
			return err
		}
		f.mu.RLock()
	}
	return nil
}

// readShared is read with mu held.
func (f *File) readShared(ctx context.Context, p []byte, off int64, ahead *fetch.Sequence) (int, error) {
	if off >= f.size {
		return 0, nil
	}
	p = p[:min(int64(len(p)), f.size-off)]
	done := 0
	for done < len(p) {
		n, err := f.readPiece(ctx, p[done:], off+int64(done), ahead)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// readPiece reads what is in one remote block, or what is local up to the next
// one.
func (f *File) readPiece(ctx context.Context, p []byte, off int64, ahead *fetch.Sequence) (int, error) {
	index := blockAt(off)
	next, found := f.remote.next(index)
	if !found {
		return f.readLocal(p, off)
	}
	at, length := state.BlockRange(next)
	if next > index {
		return f.readLocal(p[:min(int64(len(p)), at-off)], off)
	}
	data, err := f.remoteBlock(ctx, index)
	if err != nil {
		return 0, err
	}
	if ahead != nil {
		ahead.Follow(uint64(off), uint64(len(p)), index, func(window uint64) { f.ahead(index, window) })
	}
	p = p[:min(int64(len(p)), at+length-off)]
	n := 0
	if off-at < int64(len(data)) {
		n = copy(p, data[off-at:])
	}
	clear(p[n:])
	return len(p), nil
}

func (f *File) readLocal(p []byte, off int64) (int, error) {
	if f.staged == nil {
		return 0, ErrStagingLost
	}
	n, err := f.staged.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	if n < len(p) {
		return n, ErrStagingLost
	}
	return n, nil
}

// blockKey names what a remote block held. Until the file is uploaded whole, its
// blocks may be put again under the same generation: then it says as of which change
// of the contents. A block that only the newest block map names has no generation: then it says
// which upload comes next.
type blockKey struct {
	ino        state.Ino
	index, gen uint64
	change     uint64
}

// key names what a remote block holds now.
func (f *File) key(index uint64) blockKey {
	k := blockKey{ino: f.Ino, index: index, gen: f.generation(index)}
	switch {
	case k.gen == f.node.Next:
		k.change = f.node.Cseq
	case k.gen == 0 && f.node.Flags&state.BaseMap != 0:
		k.change = f.node.Next
	}
	return k
}

// remoteBlock returns the bytes of a block that is not in staging. They end early
// if the file did when it was uploaded.
func (f *File) remoteBlock(ctx context.Context, index uint64) ([]byte, error) {
	_, length := state.BlockRange(index)
	key := f.key(index)
	return f.table.blocks.Get(ctx, key, length, f.table.fetchBlock(key))
}

// fetchBlock fetches a block from the container.
func (t *Table) fetchBlock(key blockKey) fetch.Func[[]byte] {
	return func(ctx context.Context) ([]byte, int64, error) {
		n, err := t.Journal.Node(ctx, key.ino)
		if err != nil {
			return nil, 0, err
		}
		var data []byte
		if key.index == 0 {
			data, err = t.Container.Head(ctx, n)
		} else {
			data, err = t.Container.Block(ctx, n, key.index, key.gen)
		}
		return data, int64(len(data)), err
	}
}

// fetch puts a remote block into the staging file. It is durable there before the
// journal can be told that it is not remote any more. mu is held.
func (f *File) fetch(ctx context.Context, index uint64) error {
	data, err := f.remoteBlock(ctx, index)
	if err != nil {
		return err
	}
	at, length := state.BlockRange(index)
	data = data[:min(int64(len(data)), min(length, f.size-at))]
	if _, err := f.staged.WriteAt(data, at); err != nil {
		return err
	}
	if err := f.syncStaged(); err != nil {
		return err
	}
	f.remote.set(index, false)
	f.account()
	return nil
}

// ahead begins to fetch the remote blocks behind one, if memory allows. mu is held for reading.
func (f *File) ahead(index, window uint64) {
	if index > 1 {
		f.table.blocks.Passed(f.key(index - 2))
	}
	last := min(index+window, state.Blocks(f.size)-1)
	for next, found := f.remote.next(index + 1); found && next <= last; next, found = f.remote.next(next + 1) {
		_, length := state.BlockRange(next)
		key := f.key(next)
		if !f.table.blocks.Ahead(key, length, f.table.fetchBlock(key)) {
			return
		}
	}
}
