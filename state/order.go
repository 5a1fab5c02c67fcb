package state

import (
	"context"
	"fmt"
)

// orderPage is how many entries get their cookies in one transaction.
const orderPage = 1000

// Order gives cookies to the entries of an Unordered directory, so that it can be listed.
func (j *Journal) Order(ctx context.Context, dir Ino) error {
	for after := []byte{}; after != nil; {
		err := j.write(ctx, committed, func(t *tx) (err error) {
			after, err = t.order(dir, after)
			return err
		})
		if err != nil {
			return fmt.Errorf("number the entries of directory %d: %w", dir, err)
		}
	}
	return nil
}

// order numbers a page of entries behind the name after, and returns the last one; nil: all have
// their cookies.
func (t *tx) order(dir Ino, after []byte) ([]byte, error) {
	rows, err := t.stmts.unordered.Query(dir, after, orderPage)
	page, err := scanAll(rows, err, scanName)
	if err != nil {
		return nil, err
	}
	for _, name := range page {
		if _, err := t.stmts.setCookie.Exec(dir, name, t.nextSeq()); err != nil {
			return nil, err
		}
	}
	if len(page) > 0 {
		return page[len(page)-1], nil
	}
	n, err := t.node(dir)
	if err != nil {
		return nil, err
	}
	before := *n
	n.Flags &^= Unordered
	return nil, t.save(&before, n)
}
