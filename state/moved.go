package state

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"clfsload/clfs"
)

// isAway holds for the entry of a moved row, i being its node, that is not in the
// directory ?1 any more, but was published there and has to stay in reach: because it
// is elsewhere now, or because it is a directory that was removed after something was
// moved out of it.
const isAway = `(i.state <> 7 AND NOT (i.parent = ?1 AND (i.links = 1 OR i.type = ?2))
			AND NOT EXISTS (SELECT 1 FROM dirent s WHERE s.shared = 1 AND s.ino = i.ino AND s.parent = ?1)
		OR i.state = 7 AND i.type = ?2 AND i.flags & ?3 AND i.put_version > 0)`

// MovedOut returns the entries of a directory that may be published there and were
// moved to another one, or removed with something that was, in byte order of the names
// that they had, each once. One whose name is taken has a stand-in instead, which
// nothing else in the directory has.
func (s *Snapshot) MovedOut(ctx context.Context, dir Ino) ([]SnapshotChild, error) {
	rows, err := s.conn.QueryContext(ctx, `SELECT m.name, i.handle, i.type, i.ino, i.put_version, i.flags,
			EXISTS (SELECT 1 FROM dirent d WHERE d.parent = m.dir AND d.name = m.name)
			OR EXISTS (SELECT 1 FROM moved e WHERE e.dir = m.dir AND e.name = m.name AND (e.seq, e.ino) < (m.seq, m.ino))
		FROM moved m JOIN inode i ON i.ino = m.ino
		WHERE m.dir = ?1 AND `+isAway+`
		AND NOT EXISTS (SELECT 1 FROM moved o WHERE o.dir = m.dir AND o.ino = m.ino AND o.name < m.name)
		ORDER BY m.name, m.ino`, dir, clfs.TypeDirectory, Lost)
	// Of what is scanned as Former the name is taken.
	list, err := scanChildren(rows, err)
	if err != nil {
		return nil, fmt.Errorf("list what was moved out of directory %d: %w", dir, classify(err))
	}
	for i := range list {
		c := &list[i]
		if !c.Former {
			continue
		}
		c.Former = false
		if c.Name, err = s.standIn(ctx, dir, c.Ino, c.Name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// standIn returns a name for an entry that nothing else in a directory has, nor had.
func (s *Snapshot) standIn(ctx context.Context, dir, ino Ino, name []byte) ([]byte, error) {
	for again := 0; ; again++ {
		stand := standInName(ino, again, name)
		var taken bool
		err := s.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM dirent WHERE parent = ?1 AND name = ?2)
			OR EXISTS (SELECT 1 FROM moved WHERE dir = ?1 AND name = ?2 AND ino <> ?3)`, dir, stand, ino).Scan(&taken)
		if err != nil {
			return nil, fmt.Errorf("find name for entry of directory %d: %w", dir, classify(err))
		}
		if !taken {
			return stand, nil
		}
	}
}

// maxName is how many bytes a name has at most.
const maxName = 255

// standInName is a name that tells what it stands for. Those of different nodes
// differ.
func standInName(ino Ino, again int, name []byte) []byte {
	stand := strconv.AppendUint([]byte(".clfsload-moved-"), uint64(ino), 10)
	if again > 0 {
		stand = strconv.AppendInt(append(stand, '.'), int64(again), 10)
	}
	stand = append(append(stand, '-'), name...)
	if len(stand) <= maxName {
		return stand
	}
	end := maxName
	for end > maxName-utf8.UTFMax && !utf8.RuneStart(stand[end]) {
		end--
	}
	return stand[:end]
}

// noteEmptied is noteLost for a directory that is removed after published entries
// were moved out of it: until they are in their new places, they are in reach by it.
func (t *tx) noteEmptied(n, dir *Node, name []byte) error {
	if n.Flags&Lost == 0 {
		return nil
	}
	return t.noteLost(n, dir, name)
}
