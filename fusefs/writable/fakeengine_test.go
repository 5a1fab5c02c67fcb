package writable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"clfsload/clfs"
	"clfsload/fusefs/staging"
	"clfsload/state"
)

// fakeEngine uploads into memory, and publishes.
type fakeEngine struct {
	journal *state.Journal
	staging *staging.Store

	mu     sync.Mutex
	blocks map[blockID][]byte
	heads  map[headKey][]byte
	reads  int
	cutOff bool // nothing can be read back
}

// blockID names a segment that was put.
type blockID struct {
	ino        state.Ino
	index, gen uint64
}

// headKey names an inode that was put.
type headKey struct {
	ino     state.Ino
	version uint32
}

var errCutOff = errors.New("cut off")

// imagePrefix makes an inode that the journal keeps of the first bytes of a file.
const imagePrefix = "image:"

func (e *fakeEngine) Head(ctx context.Context, n state.Node) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads++
	if e.cutOff {
		return nil, errCutOff
	}
	if n.ImageGen != 0 {
		image, err := e.journal.Image(ctx, n.Ino)
		data, found := bytes.CutPrefix(image, []byte(imagePrefix))
		if err == nil && !found {
			err = errors.New("no such image")
		}
		return data, err
	}
	if data, found := e.heads[headKey{n.Ino, n.PutVersion}]; found {
		return data, nil
	}
	return nil, errors.New("no such head")
}

func (e *fakeEngine) Block(_ context.Context, n state.Node, index, gen uint64) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reads++
	if e.cutOff {
		return nil, errCutOff
	}
	if data, found := e.blocks[blockID{ino: n.Ino, index: index, gen: gen}]; found {
		return data, nil
	}
	return nil, errors.New("no such block")
}

// take reads a block of a staging file.
func (e *fakeEngine) take(n *state.Node, index uint64) ([]byte, error) {
	at, length := state.BlockRange(index)
	data := make([]byte, max(min(length, n.Attr.Size-at), 0))
	if len(data) == 0 {
		return data, nil
	}
	f, err := e.staging.Open(n.Ino)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = f.ReadAt(data, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data, err
}

// early uploads the blocks of open files that are queued.
func (e *fakeEngine) early(ctx context.Context) error {
	list, err := e.journal.QueuedBlocks(ctx, 0, 0, 1000)
	if err != nil {
		return err
	}
	for _, w := range list {
		n := w.Node
		n.Attr.Size = 1 << 50
		data, err := e.take(&n, w.Block)
		if err != nil {
			return err
		}
		e.mu.Lock()
		e.blocks[blockID{ino: n.Ino, index: w.Block, gen: n.Next}] = data
		e.mu.Unlock()
		out := state.BlockOutcome{Ino: n.Ino, Index: w.Block, Gen: n.Next, Cseq: n.Cseq, Early: true}
		if err := e.journal.RecordBlocks(ctx, []state.BlockOutcome{out}); err != nil {
			return err
		}
	}
	return nil
}

// upload uploads what has settled.
func (e *fakeEngine) upload(ctx context.Context) error {
	list, err := e.journal.QueuedNodes(ctx, 0, 1000)
	if err != nil {
		return err
	}
	for _, n := range list {
		up, err := e.uploadNode(ctx, n)
		if err != nil {
			return err
		}
		if err := e.journal.RecordUploads(ctx, []state.Upload{up}); err != nil {
			return err
		}
	}
	return nil
}

// uploadNode uploads a node. What a publication may have put it leaves to the next
// one.
func (e *fakeEngine) uploadNode(ctx context.Context, n state.Node) (state.Upload, error) {
	up := state.Upload{Node: n, ContentsUploaded: n.Flags&state.Content != 0}
	var head []byte
	var err error
	switch {
	case n.Attr.Type != clfs.TypeRegular:
	case up.ContentsUploaded:
		head, err = e.uploadFile(ctx, n)
	default:
		head, err = e.Head(ctx, n)
	}
	switch {
	case err != nil || n.PutPub != 0 && !up.ContentsUploaded && (n.ImageGen != 0 || e.journal.InReach(&n)):
		return up, err
	case n.PutPub != 0 && up.ContentsUploaded:
		up.Image = append([]byte(imagePrefix), head...)
		return up, nil
	}
	up.Put, up.Owner = true, 1
	e.putHead(n, head)
	return up, nil
}

// putHead puts the inode of a node, and takes away what it replaces.
func (e *fakeEngine) putHead(n state.Node, head []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.heads, headKey{n.Ino, n.PutVersion})
	e.heads[headKey{n.Ino, n.Version}] = head
}

// uploadFile uploads the blocks that are dirty, and returns the first one.
func (e *fakeEngine) uploadFile(ctx context.Context, n state.Node) (head []byte, err error) {
	rows, err := e.journal.BlocksOf(ctx, n.Ino)
	if err != nil {
		return nil, err
	}
	dirty := map[uint64]bool{}
	for index := n.SealedBlocks; index < state.Blocks(n.Attr.Size); index++ {
		dirty[index] = true
	}
	for _, b := range rows {
		dirty[b.Index] = b.State == state.BlockDirty || b.State == state.BlockQueued
	}
	for index, isDirty := range dirty {
		if !isDirty {
			continue
		}
		data, err := e.take(&n, index)
		if err != nil {
			return nil, err
		}
		if index == 0 {
			head = data
			continue
		}
		e.blocks[blockID{ino: n.Ino, index: index, gen: n.Next}] = data
	}
	if !dirty[0] {
		return e.Head(ctx, n)
	}
	return head, nil
}

// publish publishes what waits for it.
func (e *fakeEngine) publish(ctx context.Context) error {
	s, err := e.journal.BeginPublish(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.ChangedNodes(ctx, 0, 1000)
	if err != nil {
		return err
	}
	for _, n := range list {
		head, err := e.Head(ctx, n)
		if err != nil {
			return err
		}
		e.putHead(n, head)
		if err := e.journal.RecordPuts(ctx, []state.Put{{Node: n, Owner: 1, Final: true, Complete: true}}); err != nil {
			return err
		}
	}
	return e.journal.EndPublish(ctx, s.Seq())
}
