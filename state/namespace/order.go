package namespace

import (
	"context"
	"fmt"

	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	unorderedStmt = store.NewStatement(`SELECT name FROM dirent WHERE parent = ? AND name > ? AND cookie IS NULL ORDER BY name LIMIT ?`)
	setCookieStmt = store.NewStatement(`UPDATE dirent SET cookie = ?3 WHERE parent = ?1 AND name = ?2`)
)

// orderPage is how many entries get their cookies in one transaction.
const orderPage = 1000

// Order gives cookies to the entries of an Unordered directory, so that it can be listed.
func (j Names) Order(ctx context.Context, dir schema.Ino) error {
	for after := []byte{}; after != nil; {
		err := j.Write(ctx, store.Committed, func(t *store.Tx) (err error) {
			after, err = numberPage(t, dir, after)
			return err
		})
		if err != nil {
			return fmt.Errorf("number the entries of directory %d: %w", dir, err)
		}
	}
	return nil
}

// numberPage numbers a page of entries behind the name after, and returns the last one; nil: all have
// their cookies.
func numberPage(t *store.Tx, dir schema.Ino, after []byte) ([]byte, error) {
	rows, err := unorderedStmt.Query(t, dir, after, orderPage)
	page, err := schema.ScanAll(rows, err, store.ScanName)
	if err != nil {
		return nil, err
	}
	for _, name := range page {
		if _, err := setCookieStmt.Exec(t, dir, name, t.NextSeq()); err != nil {
			return nil, err
		}
	}
	if len(page) > 0 {
		return page[len(page)-1], nil
	}
	n, err := t.Node(dir)
	if err != nil {
		return nil, err
	}
	before := *n
	n.Flags &^= schema.Unordered
	return nil, t.Save(&before, n)
}
