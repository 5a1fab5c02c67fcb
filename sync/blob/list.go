package blob

import (
	"context"
	"fmt"
	"iter"
)

// All lists every blob whose name begins with prefix, in byte order, a page at a
// time. It stops after the first error, which comes with a zero Info.
func All(ctx context.Context, c Container, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for page, err := range Pages(ctx, c, prefix) {
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, b := range page.Blobs {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

// Pages lists the blobs whose names begin with prefix page by page. It stops after the first error,
// which comes with an empty Page. If the listing would never end, the error wraps ErrUnexpected.
func Pages(ctx context.Context, c Container, prefix string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		var l loopCheck
		for marker, first := "", true; first || marker != ""; first = false {
			page, err := l.next(ctx, c, prefix, marker)
			if err != nil {
				yield(Page{}, err)
				return
			}
			if !yield(page, nil) {
				return
			}
			marker = page.Next
		}
	}
}

// maxEmpty is how many pages without a blob may follow each other. A service sends such pages after
// many deletions.
const maxEmpty = 10_000

// loopCheck detects a listing that never ends, whatever its order is: each marker and each blob
// must come once. It remembers those of one page, and takes another page after twice as many
// (Brent's way to find a cycle).
type loopCheck struct {
	marker, name string // of the remembered page
	pages        int
	empty        int // pages without a blob since the last one with any
}

// pageTries is how often a page that leads back is requested: a proxy may have repeated an old
// answer.
const pageTries = 3

// next returns the page at marker.
func (l *loopCheck) next(ctx context.Context, c Container, prefix, marker string) (Page, error) {
	for range pageTries {
		page, err := c.List(ctx, prefix, marker)
		if err != nil {
			return Page{}, err
		}
		if !l.circles(page) {
			l.note(page)
			return page, nil
		}
	}
	return Page{}, fmt.Errorf("list %q in %s: %w: the listing never ends: after page %d it starts again; check the proxy between here and the service",
		prefix, c, ErrUnexpected, l.pages)
}

// circles reports whether page was there before, or does not advance.
func (l *loopCheck) circles(page Page) bool {
	return page.Next != "" && page.Next == l.marker || len(page.Blobs) > 0 && page.Blobs[0].Name == l.name ||
		len(page.Blobs) == 0 && l.empty == maxEmpty
}

// note adds a page to the check.
func (l *loopCheck) note(page Page) {
	l.pages++
	l.empty++
	name := ""
	if len(page.Blobs) > 0 {
		name, l.empty = page.Blobs[0].Name, 0
	}
	if l.pages&(l.pages-1) == 0 {
		l.marker, l.name = page.Next, name
	}
}
