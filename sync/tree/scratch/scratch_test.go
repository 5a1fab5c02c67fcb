package scratch_test

import (
	"os"
	"sync"
	"testing"

	"clfsload/sync/tree/scratch"
)

func TestADatabaseLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	d, err := scratch.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("an open database shows %v, %v", left, err)
	}
}

func TestManyGoroutinesShareADatabaseThatOutgrowsItsCache(t *testing.T) {
	d, err := scratch.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Exec("CREATE TABLE numbers (n INTEGER PRIMARY KEY, filler BLOB)"); err != nil {
		t.Fatal(err)
	}
	const writers, rows = 8, 2000
	filler := make([]byte, 4096)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range rows {
				if _, err := d.Exec("INSERT INTO numbers VALUES (?, ?)", w*rows+i, filler); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	var count, sum int
	found, err := d.Row("SELECT count(*), sum(n) FROM numbers", nil, &count, &sum)
	if err != nil || !found || count != writers*rows || sum != count*(count-1)/2 {
		t.Errorf("%d rows, sum %d, %v", count, sum, err)
	}
	if found, err := d.Row("SELECT n FROM numbers WHERE n < 0", nil, &count); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	seen := 0
	err = d.Each("SELECT n FROM numbers", nil, func(scan func(...any) error) error {
		seen++
		return scan(&count)
	})
	if err != nil || seen != writers*rows {
		t.Errorf("%d rows, %v", seen, err)
	}
}
