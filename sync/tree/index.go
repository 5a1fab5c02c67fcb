package tree

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"clfsload/clfs"
	"clfsload/rescue"
	"clfsload/sync/blob"
	"clfsload/sync/tree/scratch"
)

// An Index is a listing of the whole container in a temporary database. Blobs
// are numbered from 0, so that a set of them is a bit for each.
type Index struct {
	db    *scratch.DB
	count atomic.Int64
}

const indexSchema = `CREATE TABLE blobs (name BLOB PRIMARY KEY, number INTEGER, size INTEGER, md5 BLOB) WITHOUT ROWID`

// BuildIndex lists the container once; after that, Find uses the index. It must not run at the same
// time as other methods of the tree. On error the tree continues without an index.
func (t *Tree) BuildIndex(ctx context.Context) (*Index, error) {
	db, err := scratch.Open(t.options.TempDir)
	if err != nil {
		return nil, err
	}
	x := &Index{db: db}
	if err := x.fill(ctx, t); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("list %s: %w", t.container, err)
	}
	t.index = x
	return x, nil
}

// Index returns the index, and builds it if there is none.
func (t *Tree) Index(ctx context.Context) (*Index, error) {
	if t.index != nil {
		return t.index, nil
	}
	return t.BuildIndex(ctx)
}

func (x *Index) fill(ctx context.Context, t *Tree) error {
	if _, err := x.db.Exec(indexSchema); err != nil {
		return err
	}
	for page, err := range blob.Pages(ctx, lister{t.container, t}, "") {
		if err != nil {
			return err
		}
		if t.options.ListInParts && page.Next != "" && x.Len() == 0 && isHuge(page) {
			return x.listParts(ctx, t)
		}
		if err := x.add(t, page); err != nil {
			return err
		}
	}
	return nil
}

// isHuge estimates from the first page how far the names reach: if 5000 of them do not get past
// these digits of a hash, there are some 200,000 or more, and the requests for many beginnings pay
// off.
func isHuge(first blob.Page) bool {
	return len(first.Blobs) > 0 && first.Blobs[len(first.Blobs)-1].Name < "06"
}

// listPart adds the blobs whose names begin with prefix.
func (x *Index) listPart(ctx context.Context, t *Tree, prefix string) error {
	for page, err := range blob.Pages(ctx, lister{t.container, t}, prefix) {
		if err != nil {
			return err
		}
		if err := x.add(t, page); err != nil {
			return err
		}
	}
	return nil
}

// listParts lists the blobs by the beginnings of their names, many beginnings at a time. Objects'
// names begin with hex digits of a hash, so they are spread evenly over the 256 pairs of digits.
// Logs and other blobs may begin with any other printable character. Names with other beginnings
// are not found.
func (x *Index) listParts(ctx context.Context, t *Tree) error {
	return rescue.Each(ctx, t.options.Requests, namePrefixes, func(ctx context.Context, prefix string) error {
		return x.listPart(ctx, t, prefix)
	})
}

const hexDigits = "0123456789ABCDEF"

// namePrefixes yields prefixes; each name of printable characters has exactly one of them. (A name
// that is one hex digit has none.)
func namePrefixes(yield func(string) bool) {
	for c := byte('!'); c <= '~'; c++ {
		if strings.IndexByte(hexDigits, c) < 0 {
			if !yield(string(c)) {
				return
			}
			continue
		}
		for d := byte('!'); d <= '~'; d++ {
			if !yield(string([]byte{c, d})) {
				return
			}
		}
	}
}

// add writes a page into the index.
func (x *Index) add(t *Tree, page blob.Page) error {
	for _, b := range page.Blobs {
		number := x.count.Add(1) - 1
		if _, err := x.db.Exec("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?)", []byte(b.Name), number, b.Size, b.MD5); err != nil {
			return err
		}
		t.traffic.listed.Add(1)
	}
	return nil
}

func (x *Index) close() error { return x.db.Close() }

// Len is one more than the highest number, which is the number of blobs if nobody has changed the
// container meanwhile.
func (x *Index) Len() int64 { return x.count.Load() }

// find returns all blobs of an object.
func (x *Index) find(id clfs.ID) ([]candidate, error) {
	prefix := []byte(clfs.NamePrefix(id))
	return x.selectBlobs("WHERE name >= ? AND name < ? ORDER BY name", prefix, upperBound(prefix))
}

// upperBound is the least string above all strings that begin with prefix, which ends in a dot.
func upperBound(prefix []byte) []byte {
	bound := append([]byte(nil), prefix...)
	bound[len(bound)-1]++
	return bound
}

func (x *Index) selectBlobs(where string, args ...any) ([]candidate, error) {
	var found []candidate
	err := x.db.Each("SELECT name, number, size, md5 FROM blobs "+where, args, func(scan func(...any) error) error {
		var c candidate
		var name []byte
		if err := scan(&name, &c.number, &c.Size, &c.MD5); err != nil {
			return err
		}
		c.Name = string(name)
		found = append(found, c)
		return nil
	})
	return found, err
}

// indexPage is how many rows Each reads from the index at a time.
const indexPage = 1024

// An Entry of the index: a blob and its number.
type Entry struct {
	blob.Info
	Number int64
}

// Each calls fn for every blob in byte order of the names. fn may use the
// index and the tree.
func (x *Index) Each(ctx context.Context, fn func(Entry) error) error {
	for last := []byte{}; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := x.selectBlobs("WHERE name > ? ORDER BY name LIMIT ?", last, indexPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, c := range page {
			if err := fn(Entry{c.Info, c.number}); err != nil {
				return err
			}
		}
		last = []byte(page[len(page)-1].Name)
	}
}

// Number returns the number of a blob by its whole name.
func (x *Index) Number(name string) (number int64, found bool, err error) {
	found, err = x.db.Row("SELECT number FROM blobs WHERE name = ?", []any{[]byte(name)}, &number)
	return number, found, err
}
