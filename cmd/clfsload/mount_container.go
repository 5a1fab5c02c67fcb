package main

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/fusefs/readonly"
	"clfsload/rescue"
	"clfsload/sync/blob/cache"
	"clfsload/sync/outcome"
	"clfsload/sync/tree"
)

// mounted is the container that package readonly shows. After the container is listed, a tree with an
// index replaces the first one: each object then takes one request instead of two.
type mounted struct {
	source string // without secrets
	log    *slog.Logger
	tree   atomic.Pointer[tree.Tree]
	usage  atomic.Pointer[readonly.Usage]

	cache   *cache.Dir // nil: none
	options tree.Options
	stop    context.CancelFunc
	listing sync.WaitGroup
	trees   []*tree.Tree // the first one, and the one with an index
}

// openMounted opens the container of a mount. A container on disk is listed first, any other while
// it is mounted. A followed container is not listed: the listing would soon be out of date.
func openMounted(cmd *cobra.Command, f mountFlags, log *slog.Logger) (*mounted, error) {
	ctx := cmd.Context()
	look := aDirectory
	if f.follow > 0 {
		look = aPath
	}
	dir, t, err := openCachedTree(cmd, &f.readFlags, f.target, look, f.cache, log)
	if err != nil {
		return nil, err
	}
	m := &mounted{source: t.Container().String(), log: log, trees: []*tree.Tree{t}, cache: dir,
		options: tree.Options{Requests: f.concurrency, Memory: int64(f.memory), TempDir: f.tempDir}}
	m.tree.Store(t)
	if f.follow > 0 {
		m.stop = func() {}
		return m, nil
	}
	if mark := t.OpenMark(ctx); mark != nil {
		log.Warn("the container is open: its mount has not ended; later changes are not shown here", "state", mark.State, "publication", mark.Publication)
	}
	ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	m.listing.Go(func() {
		err := rescue.Call(func() error { m.list(ctx, t, strings.HasPrefix(f.target, "dir:"), log); return nil })
		if err != nil {
			log.Error("the container could not be listed", "error", err)
		}
	})
	return m, nil
}

// list lists the container, unless it is already listed, and sums it up.
func (m *mounted) list(ctx context.Context, t *tree.Tree, listed bool, log *slog.Logger) {
	if !listed {
		indexed := tree.New(t.Container(), m.options)
		if _, err := indexed.BuildIndex(ctx); err != nil {
			if ctx.Err() == nil {
				log.Warn("the container could not be listed; the mount continues, with two requests for each object", "error", err)
			}
			return
		}
		m.trees = append(m.trees, indexed)
		m.tree.Store(indexed)
	}
	m.sumUp(ctx, log)
}

// sumUp computes the numbers for statfs.
func (m *mounted) sumUp(ctx context.Context, log *slog.Logger) {
	index, err := m.tree.Load().Index(ctx)
	if err != nil {
		return
	}
	var u readonly.Usage
	err = index.Each(ctx, func(e tree.Entry) error {
		u.Bytes += uint64(e.Size)
		if n, err := clfs.ParseName(e.Name); err == nil && n.Type.IsInode() {
			u.Inodes++
		}
		return nil
	})
	if err != nil {
		return
	}
	m.usage.Store(&u)
	log.Info("the container is listed", "blobs", index.Len(), "inodes", u.Inodes, "bytes", u.Bytes)
}

func (m *mounted) close() {
	m.stopListing()
	_ = m.tree.Load().Close()
	if m.cache != nil {
		m.cache.Close()
	}
}

// stopListing ends the listing in the background.
func (m *mounted) stopListing() {
	m.stop()
	m.listing.Wait()
}

// tellPassedOver logs objects and records that the mount did not show.
func (m *mounted) tellPassedOver(log *slog.Logger) {
	m.stopListing()
	var sum tree.PassedOver
	for _, t := range m.trees {
		p := t.PassedOver()
		sum.OlderVersions += p.OlderVersions
		sum.Snapshots += p.Snapshots
		sum.Tombstones += p.Tombstones
		sum.UnknownRecords += p.UnknownRecords
		sum.ExtAttrs += p.ExtAttrs
	}
	if sum != (tree.PassedOver{}) {
		log.Info("skipped", "older_versions", sum.OlderVersions, "other_snapshots", sum.Snapshots,
			"tombstones", sum.Tombstones, "unknown_records", sum.UnknownRecords, "extended_attributes", sum.ExtAttrs)
	}
}

// Usage tells the container's size, once that is known.
func (m *mounted) Usage() readonly.Usage {
	if u := m.usage.Load(); u != nil {
		return *u
	}
	return readonly.Usage{}
}

// Publishing reports whether a publication may be in progress, or was cut off.
func (m *mounted) Publishing(ctx context.Context) bool { return m.tree.Load().OpenMark(ctx) != nil }

// Published returns the publication that the container holds. While a mount has the container open,
// a publication may be in progress at any time.
func (m *mounted) Published(ctx context.Context) (readonly.Publication, error) {
	mark, err := m.tree.Load().Mark(ctx)
	if err != nil || mark == nil {
		return readonly.Publication{}, err
	}
	return readonly.Publication{ID: mark.ID, Over: mark.Open == ""}, nil
}

// Node reads an inode.
func (m *mounted) Node(ctx context.Context, id clfs.ID) (readonly.Node, error) {
	return m.checked(m.tree.Load().Node(ctx, id))
}

// Renew reads an inode again if a newer version exists.
func (m *mounted) Renew(ctx context.Context, known readonly.Node) (readonly.Node, error) {
	old := known.(mountedNode)
	n, err := m.tree.Load().Renew(ctx, old.n)
	if err == nil && n == old.n {
		return known, nil
	}
	return m.checked(n, err)
}

// checked returns an inode that was read, unless it cannot be shown.
func (m *mounted) checked(n *tree.Node, err error) (readonly.Node, error) {
	if err == nil {
		err = n.CheckTarget()
	}
	if err != nil {
		return nil, err
	}
	if damage := n.Check(); damage != nil {
		m.logDamage(n, damage)
	}
	return mountedNode{m, n, maphash.Bytes(versionSeed, n.Payload)}, nil
}

// logDamage logs the damage of an inode that is shown nevertheless.
func (m *mounted) logDamage(n *tree.Node, damage error) {
	m.log.Error("the container breaks the format; the damaged entry is shown as it is", "name", string(n.Inode.Name), "error", outcome.OneLine(damage))
}

// mountedNode is an inode of a mounted container.
type mountedNode struct {
	m       *mounted
	n       *tree.Node
	version uint64 // a hash of all that was put
}

// versionSeed is that of the hash.
var versionSeed = maphash.MakeSeed()

func (n mountedNode) Inode() *object.Inode { return n.n.Inode }

func (n mountedNode) Version() uint64 { return n.version }

func (n mountedNode) Block(ctx context.Context, number uint64) ([]byte, error) {
	return n.m.tree.Load().BlockData(ctx, n.n, number)
}

func (n mountedNode) DirSegments(ctx context.Context, from, to uint64) iter.Seq2[readonly.DirSegment, error] {
	return func(yield func(readonly.DirSegment, error) bool) {
		for s, err := range n.segments(ctx, from, to) {
			var damage *tree.Damage
			if errors.As(err, &damage) && damage.Whole {
				n.m.logDamage(n.n, err)
				continue
			}
			if inode := s.Number == 0 && err == nil; !inode && !yield(readonly.DirSegment{Number: s.Number, Raw: s.Raw}, err) {
				return
			}
		}
	}
}

// segments are the blocks of a directory, all of them checked together.
func (n mountedNode) segments(ctx context.Context, from, to uint64) iter.Seq2[tree.DirSegment, error] {
	t := n.m.tree.Load()
	if from == 1 && to == tree.AllBlocks {
		return t.DirSegments(ctx, n.n)
	}
	return t.DirBlocks(ctx, n.n, from, to)
}
