package tree

import (
	"fmt"
	"sync"

	"clfsload/clfs"
	"clfsload/clfs/object"
	"clfsload/sync/tree/scratch"
)

// queuedInMemory is how many directories wait in memory, with up to 16 KiB of
// entries each; the others wait in the temporary database.
const queuedInMemory = 512

// dirQueue holds the waiting directories of a walk, last in, first out, and knows which were queued
// before.
type dirQueue struct {
	db *scratch.DB

	mu      sync.Mutex
	changed sync.Cond
	memory  []*Dir
	spilled int64 // rows of waiting, numbered from 1
	active  int   // directories that were pushed and are not done
	stopped bool
}

const claimedTable = `CREATE TABLE claimed (id BLOB PRIMARY KEY) WITHOUT ROWID`
const waitingTable = `CREATE TABLE waiting (seq INTEGER PRIMARY KEY, path BLOB, parent BLOB, blob TEXT, size INTEGER, number INTEGER, older INTEGER, inode BLOB)`

func newDirQueue(tempDir string) (*dirQueue, error) {
	db, err := scratch.Open(tempDir)
	if err != nil {
		return nil, err
	}
	for _, table := range []string{claimedTable, waitingTable} {
		if _, err := db.Exec(table); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	q := &dirQueue{db: db}
	q.changed.L = &q.mu
	return q, nil
}

func (q *dirQueue) close() { _ = q.db.Close() }

// claim reports whether a directory is new.
func (q *dirQueue) claim(id clfs.ID) (bool, error) {
	n, err := q.db.Exec("INSERT OR IGNORE INTO claimed VALUES (?)", []byte(id))
	return n == 1, err
}

// push adds a directory, which counts as active until done is called for it.
func (q *dirQueue) push(d *Dir) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.memory) == queuedInMemory {
		if err := q.spill(q.memory[:queuedInMemory/2]); err != nil {
			return err
		}
		q.memory = append(q.memory[:0], q.memory[queuedInMemory/2:]...)
	}
	q.memory = append(q.memory, d)
	q.active++
	q.changed.Signal()
	return nil
}

func (q *dirQueue) spill(dirs []*Dir) error {
	for _, d := range dirs {
		q.spilled++
		n := d.Node
		_, err := q.db.Exec("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?)", q.spilled,
			[]byte(d.Path), []byte(d.Parent), n.Blob, n.Size, n.Number, n.Older, n.Payload)
		if err != nil {
			return err
		}
	}
	return nil
}

// pop waits for a directory. It returns nil when no more will come.
func (q *dirQueue) pop() (*Dir, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.stopped || q.active == 0:
			return nil, nil
		case len(q.memory) > 0:
			last := len(q.memory) - 1
			d := q.memory[last]
			q.memory[last] = nil
			q.memory = q.memory[:last]
			return d, nil
		case q.spilled > 0:
			return q.unspill()
		}
		q.changed.Wait()
	}
}

func (q *dirQueue) unspill() (*Dir, error) {
	d := &Dir{Node: &Node{}}
	var path, parent []byte
	n := d.Node
	_, err := q.db.Row("SELECT path, parent, blob, size, number, older, inode FROM waiting WHERE seq = ?", []any{q.spilled},
		&path, &parent, &n.Blob, &n.Size, &n.Number, &n.Older, &n.Payload)
	if err != nil {
		return nil, err
	}
	if _, err := q.db.Exec("DELETE FROM waiting WHERE seq = ?", q.spilled); err != nil {
		return nil, err
	}
	q.spilled--
	d.Path, d.Parent = string(path), clfs.ID(parent)
	if n.Inode, err = object.DecodeInode(n.Payload); err != nil {
		return nil, fmt.Errorf("temporary database: %w", err)
	}
	n.Name, err = clfs.ParseName(n.Blob)
	return d, err
}

// done records that a directory and all of its entries were visited.
func (q *dirQueue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active--
	if q.active == 0 {
		q.changed.Broadcast()
	}
}

// stop ends the walk: every pop returns nil.
func (q *dirQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.changed.Broadcast()
}
