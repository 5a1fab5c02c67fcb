package scan

import (
	"fmt"
	"sync"

	"clfsload/state"
)

// pathsInMemory is how many directories wait in memory.
const pathsInMemory = 8192

// pathQueue holds the directories that a survey has not visited yet, last in, first out, so that
// few wait: only the siblings of the directories on the current path.
type pathQueue struct {
	scratch Scratch

	mu      sync.Mutex
	changed sync.Cond
	memory  []string
	spilled int64 // rows in the scratch, numbered from 1
	active  int   // pushed and not done
	stopped bool
}

func newPathQueue(s Scratch) (*pathQueue, error) {
	if _, err := s.Exec(`CREATE TABLE waiting (seq INTEGER PRIMARY KEY, path BLOB NOT NULL)`); err != nil {
		return nil, err
	}
	q := &pathQueue{scratch: s}
	q.changed.L = &q.mu
	return q, nil
}

func (q *pathQueue) push(path string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.memory) == pathsInMemory {
		if err := q.spill(); err != nil {
			return err
		}
	}
	q.memory = append(q.memory, path)
	q.active++
	q.changed.Signal()
	return nil
}

// spill moves the older half of the paths in memory to the scratch.
func (q *pathQueue) spill() error {
	const half = pathsInMemory / 2
	for _, path := range q.memory[:half] {
		if _, err := q.scratch.Exec(`INSERT INTO waiting VALUES (?, ?)`, q.spilled+1, []byte(path)); err != nil {
			return err
		}
		q.spilled++
	}
	n := copy(q.memory, q.memory[half:])
	clear(q.memory[n:])
	q.memory = q.memory[:n]
	return nil
}

// pop waits for a directory; ok is false when no more will come.
func (q *pathQueue) pop() (path string, ok bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch last := len(q.memory) - 1; {
		case q.stopped || q.active == 0:
			return "", false, nil
		case last >= 0:
			path, q.memory[last] = q.memory[last], ""
			q.memory = q.memory[:last]
			return path, true, nil
		case q.spilled > 0:
			path, err = q.unspill()
			return path, err == nil, err
		}
		q.changed.Wait()
	}
}

func (q *pathQueue) unspill() (string, error) {
	var path []byte
	found, err := q.scratch.Row(`SELECT path FROM waiting WHERE seq = ?`, []any{q.spilled}, &path)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fmt.Errorf("temporary database: row %d is missing", q.spilled)
	}
	if _, err := q.scratch.Exec(`DELETE FROM waiting WHERE seq = ?`, q.spilled); err != nil {
		return "", err
	}
	q.spilled--
	return string(path), nil
}

// done records that a directory from pop was visited.
func (q *pathQueue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.active--
	if q.active == 0 {
		q.changed.Broadcast()
	}
}

// stop lets every pop end.
func (q *pathQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.changed.Broadcast()
}

// linkCounter counts the names of source inodes that have several.
type linkCounter struct{ scratch Scratch }

func newLinkCounter(s Scratch) (*linkCounter, error) {
	_, err := s.Exec(`CREATE TABLE link (dev INTEGER, fileid INTEGER, names INTEGER NOT NULL, PRIMARY KEY (dev, fileid)) WITHOUT ROWID`)
	return &linkCounter{s}, err
}

// add counts a name and returns how many there are now.
func (c *linkCounter) add(a state.Attr) (names int64, err error) {
	_, err = c.scratch.Row(`INSERT INTO link VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET names = names + 1 RETURNING names`,
		[]any{int64(a.Dev), int64(a.Ino)}, &names)
	return names, err
}
