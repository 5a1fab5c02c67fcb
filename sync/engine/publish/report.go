package publish

import (
	"context"

	"clfsload/state"
)

// Report says what a publication did.
type Report struct {
	Seq         uint64 // the changes up to this one are published, but for those below
	Directories int64  // inodes put
	Nodes       int64  // likewise, of all other types
	LeftOut     int64  // new entries that are not published yet
	KeptOld     int64  // entries that are published as they were before they were changed
	Behind      []Behind
}

// Behind is an entry that is not published as it is in the mount.
type Behind struct {
	Path    string     // below the root of the tree
	Node    state.Node // as of the moment that is published: its state and flags say why
	Failure string     // why it cannot be published though they do not; "": they do
	KeptOld bool       // it is published as it was before; otherwise it is left out
}

// behindPage is how many rows are read at a time.
const behindPage = 512

// maxBehind bounds the entries that a report names.
const maxBehind = 1000

// listBehind reports what is not uploaded in its present form.
func (p *publication) listBehind(ctx context.Context) error {
	var after state.Ino
	for {
		page, err := p.snap.Unpublished(ctx, after, behindPage)
		if err != nil {
			return err
		}
		for _, n := range page {
			path := ""
			if len(p.report.Behind) < maxBehind {
				path = p.pathOf(ctx, n)()
			}
			p.behind(Behind{Path: path, Node: n, KeptOld: n.PutPub != 0})
		}
		if len(page) < behindPage {
			return nil
		}
		after = page[len(page)-1].Ino
	}
}

func (p *publication) behind(b Behind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.KeptOld {
		p.report.KeptOld++
	} else {
		p.report.LeftOut++
	}
	if len(p.report.Behind) < maxBehind {
		p.report.Behind = append(p.report.Behind, b)
	}
}
