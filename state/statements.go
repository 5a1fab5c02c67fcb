package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statements are prepared once on the writer's connection.
type statements struct {
	setLedger     *sql.Stmt
	setMark       *sql.Stmt
	findDirent    *sql.Stmt
	insertDirent  *sql.Stmt
	findInode     *sql.Stmt
	insertInode   *sql.Stmt
	setState      *sql.Stmt
	findHardlink  *sql.Stmt
	setHardlink   *sql.Stmt
	addLink       *sql.Stmt
	complete      *sql.Stmt
	setAttr       *sql.Stmt
	setSize       *sql.Stmt
	reserve       *sql.Stmt
	setProgress   *sql.Stmt
	clearProgress *sql.Stmt
	setFailure    *sql.Stmt
	clearFailure  *sql.Stmt
	releaseHeld   *sql.Stmt
	reopenDirs    *sql.Stmt
	retryInodes   *sql.Stmt
	retryDirs     *sql.Stmt
	retryParents  *sql.Stmt
	clearFailures *sql.Stmt
	keepListed    *sql.Stmt
	closeDone     *sql.Stmt
	relist        *sql.Stmt
	dropDirents   *sql.Stmt
	dropDirent    *sql.Stmt
	dropHardlink  *sql.Stmt
	dropInode     *sql.Stmt
}

func prepareStatements(conn *sql.Conn) (*statements, error) {
	s := &statements{}
	for query, stmt := range s.queries() {
		prepared, err := conn.PrepareContext(context.Background(), query)
		if err != nil {
			return nil, fmt.Errorf("prepare %q: %w", query, err)
		}
		*stmt = prepared
	}
	return s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.queries() {
		errs = append(errs, (*stmt).Close())
	}
	return errors.Join(errs...)
}

func (s *statements) queries() map[string]**sql.Stmt {
	return map[string]**sql.Stmt{
		`INSERT OR REPLACE INTO ledger (id, ` + ledgerColumns + `, batch) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`: &s.setLedger,
		`UPDATE mark SET publication = ?, newest = ?, before = ?`:                                                   &s.setMark,

		`SELECT ino FROM dirent WHERE parent = ? AND name = ?`:                                      &s.findDirent,
		`INSERT INTO dirent (parent, name, ino, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`: &s.insertDirent,
		`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime,
			dev, fileid, rdev, links, expect, depth, target)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`: &s.insertInode,
		`UPDATE inode SET state = ?2 WHERE ino = ?1 AND state = ?3`: &s.setState,
		`SELECT ` + inodeColumns + ` FROM inode WHERE ino = ?`:      &s.findInode,

		`SELECT i.ino, i.links, i.expect, i.state, i.size FROM hardlink h JOIN inode i ON i.ino = h.ino
			WHERE h.dev = ? AND h.fileid = ? AND h.type = ?`: &s.findHardlink,
		`INSERT OR REPLACE INTO hardlink (dev, fileid, type, ino) VALUES (?, ?, ?, ?)`: &s.setHardlink,
		`UPDATE inode SET links = links + 1, state = ?2 WHERE ino = ?1`:                &s.addLink,

		// An inode that got a further link meanwhile stays in the queue.
		`UPDATE inode SET state = 3 WHERE ino = ? AND links = ? AND state IN (1, 2)`: &s.complete,
		`UPDATE inode SET mode = ?2, uid = ?3, gid = ?4, size = ?5, mtime = ?6, ctime = ?7, atime = ?8,
			dev = ?9, fileid = ?10, rdev = ?11 WHERE ino = ?1`: &s.setAttr,
		`UPDATE inode SET size = ?2 WHERE ino = ?1`:            &s.setSize,
		`UPDATE inode SET peak = max(peak, ?2) WHERE ino = ?1`: &s.reserve,

		`INSERT OR REPLACE INTO progress (ino, segments, size, mtime, ctime) VALUES (?, ?, ?, ?, ?)`: &s.setProgress,
		`DELETE FROM progress WHERE ino = ?`: &s.clearProgress,

		`INSERT OR REPLACE INTO failure (parent, name, ino, op, reason, gone) VALUES (?, ?, ?, ?, ?, ?)`: &s.setFailure,
		`DELETE FROM failure WHERE parent = ? AND name = ?`:                                              &s.clearFailure,

		`UPDATE inode SET state = 1 WHERE ino IN
			(SELECT ino FROM inode WHERE state = 2 AND depth IS NULL LIMIT ?)`: &s.releaseHeld,

		// Directories that were written without their failed entries.
		`UPDATE inode SET state = 2 WHERE state = 3 AND depth IS NOT NULL AND ino IN (
			SELECT parent FROM failure UNION SELECT ino FROM failure WHERE ino IS NOT NULL
			UNION SELECT d.parent FROM failure f JOIN dirent d ON d.ino = f.ino AND d.shared = 1)`: &s.reopenDirs,
		`UPDATE inode SET state = 1 WHERE state = 4 AND depth IS NULL
			AND ino IN (SELECT ino FROM failure WHERE ino IS NOT NULL)`: &s.retryInodes,
		`UPDATE inode SET state = 0 WHERE state IN (2, 4) AND depth IS NOT NULL
			AND ino IN (SELECT ino FROM failure WHERE ino IS NOT NULL)`: &s.retryDirs,
		`UPDATE inode SET state = 0 WHERE state = 2
			AND ino IN (SELECT parent FROM failure WHERE ino IS NULL)`: &s.retryParents,
		`DELETE FROM failure`: &s.clearFailures,

		// The directories that hold a name of an inode.
		`UPDATE inode SET state = 2 WHERE state = 3 AND ino IN
			(SELECT ?1 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?2)`: &s.closeDone,
		`UPDATE inode SET state = 0 WHERE state = 2 AND ino IN
			(SELECT ?1 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?2)`: &s.relist,
		`DELETE FROM dirent WHERE shared = 1 AND ino = ?`:                                &s.dropDirents,
		`DELETE FROM dirent WHERE parent = ? AND name = ? AND ino = ?`:                   &s.dropDirent,
		`DELETE FROM hardlink WHERE ino = ?1 AND dev = ?2 AND fileid = ?3 AND type = ?4`: &s.dropHardlink,
		`DELETE FROM inode WHERE ino = ?`:                                                &s.dropInode,
		`UPDATE inode SET state = 2 WHERE state = 4 AND depth IS NOT NULL
			AND ino IN (SELECT ino FROM failure WHERE ino IS NOT NULL)
			AND EXISTS (SELECT 1 FROM dirent d WHERE d.parent = inode.ino)`: &s.keepListed,
	}
}
