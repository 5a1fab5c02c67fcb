package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// statements are prepared once on the writer's connection.
type statements struct {
	setLedger    *sql.Stmt
	setMark      *sql.Stmt
	node         *sql.Stmt
	save         *sql.Stmt
	saveState    *sql.Stmt
	insertNode   *sql.Stmt
	entry        *sql.Stmt
	insertEntry  redoable
	replaceEntry redoable
	dropEntry    redoable
	shareEntry   redoable
	anyEntry     *sql.Stmt
	otherName    *sql.Stmt
	addGarbage   redoable
	dropGarbage  *sql.Stmt
	dropReplaced *sql.Stmt
	claim        *sql.Stmt

	dropNode       *sql.Stmt
	dropNodeBlocks *sql.Stmt

	addTombstone   redoable
	succeed        redoable
	anyTombstone   *sql.Stmt
	dropTombstones *sql.Stmt
	voidTombstones *sql.Stmt
	unreach        *sql.Stmt

	setUsed *sql.Stmt
	reopen  *sql.Stmt

	block           *sql.Stmt
	blocksFrom      *sql.Stmt
	blocksPage      *sql.Stmt
	sealBlocks      *sql.Stmt
	countBlocks     *sql.Stmt
	setBlock        redoable
	dropBlocks      redoable
	evictBlocks     *sql.Stmt
	evictBlock      *sql.Stmt
	acceptAll       *sql.Stmt
	setImage        *sql.Stmt
	dropImage       *sql.Stmt
	oddID           *sql.Stmt
	addOddID        *sql.Stmt
	addBacklink     *sql.Stmt
	takeBacklink    *sql.Stmt
	backlinksTo     *sql.Stmt
	dropBacklinksTo *sql.Stmt
	dropBacklinks   *sql.Stmt
	countLinks      *sql.Stmt
	countBelow      *sql.Stmt
	namesIn         *sql.Stmt
	setKind         *sql.Stmt
	addListing      *sql.Stmt
	droppable       *sql.Stmt
	dropClean       *sql.Stmt
	dropOddID       *sql.Stmt
	dropListing     *sql.Stmt

	setProblem   *sql.Stmt
	clearProblem *sql.Stmt

	// Of a scan.
	insertFound     *sql.Stmt
	insertFoundName *sql.Stmt
	findLink        *sql.Stmt
	setLink         *sql.Stmt
	dropLink        *sql.Stmt
	addUnscanned    *sql.Stmt
	dropUnscanned   *sql.Stmt
	setOrigin       *sql.Stmt
	setFailure      *sql.Stmt
	clearFailure    *sql.Stmt
	clearFailures   *sql.Stmt
	parentsOf       *sql.Stmt
	dirtyBlocks     *sql.Stmt
	finish          *sql.Stmt
	finishDirectory *sql.Stmt

	// Of a load into the namespace.
	setSetting    *sql.Stmt
	dropFailures  *sql.Stmt
	dropLinks     *sql.Stmt
	dropScans     *sql.Stmt
	dropExtras    *sql.Stmt
	addExtra      *sql.Stmt
	dropExtra     *sql.Stmt
	replacedBy    *sql.Stmt
	dropTombstone *sql.Stmt
	setCookie     *sql.Stmt
	unordered     *sql.Stmt
}

func (s *statements) queries() map[string]**sql.Stmt {
	return map[string]**sql.Stmt{
		`INSERT OR REPLACE INTO ledger (id, batch, ` + ledgerColumns + `) VALUES (1, ?` + strings.Repeat(", ?", strings.Count(ledgerColumns, ",")+1) + `)`: &s.setLedger,
		`UPDATE mark SET publication = ?, newest = ?, before = ?`: &s.setMark,

		`SELECT ` + nodeColumns + ` FROM inode WHERE ino = ?`:               &s.node,
		`UPDATE inode SET ` + savedColumns + ` WHERE ino = ?1`:              &s.save,
		`UPDATE inode SET ` + savedColumns + `, state = ?27 WHERE ino = ?1`: &s.saveState,
		`INSERT INTO inode (ino, parent, name, mode, uid, gid, size, mtime, ctime, atime, links, flags, seq, cseq, gen, next,
			sealed, peak, mapped, version, put_version, put_owner, put_pub, put_gen, image_gen, used, state, handle, type,
			rdev, target, fileid)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`: &s.insertNode,
		`UPDATE inode SET flags = flags | ?2 WHERE ino = ?1 AND state = {dirty}`: &s.reopen,
		`UPDATE inode SET used = ?2 WHERE ino = ?1 AND used > 0`:                 &s.setUsed,

		`SELECT ino, coalesce(shared, 0) FROM dirent WHERE parent = ? AND name = ?`:                            &s.entry,
		`INSERT INTO dirent (parent, name, ino, shared, cookie) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`: &s.insertEntry.Stmt,
		`UPDATE dirent SET ino = ?3, shared = ?4 WHERE parent = ?1 AND name = ?2`:                              &s.replaceEntry.Stmt,
		`DELETE FROM dirent WHERE parent = ? AND name = ?`:                                                     &s.dropEntry.Stmt,
		`UPDATE dirent SET shared = 1 WHERE parent = ? AND name = ?`:                                           &s.shareEntry.Stmt,
		`SELECT 1 FROM dirent WHERE parent = ? LIMIT 1`:                                                        &s.anyEntry,
		`SELECT parent, name FROM dirent WHERE shared = 1 AND ino = ? ORDER BY cookie LIMIT 1`:                 &s.otherName,

		`SELECT idx, gen, state FROM block WHERE ino = ? AND idx = ?`:               &s.block,
		`SELECT idx, gen, state FROM block WHERE ino = ? AND idx >= ? ORDER BY idx`: &s.blocksFrom,
		blocksPageQuery: &s.blocksPage,
		`UPDATE block SET gen = ?2, state = {block uploaded} WHERE ino = ?1 AND state < {block uploaded}`:                &s.sealBlocks,
		`SELECT count(*), count(*) FILTER (WHERE gen <> ?2), count(*) FILTER (WHERE idx < ?3) FROM block WHERE ino = ?1`: &s.countBlocks,
		`INSERT OR REPLACE INTO block (ino, idx, gen, state) VALUES (?, ?, ?, ?)`:                                        &s.setBlock.Stmt,
		`DELETE FROM block WHERE ino = ?1 AND idx >= ?2 AND state <> ?3`:                                                 &s.dropBlocks.Stmt,
		`UPDATE block SET state = {block remote} WHERE ino = ? AND state = {block uploaded}`:                             &s.evictBlocks,
		`UPDATE block SET state = {block remote} WHERE ino = ? AND idx = ? AND state = {block uploaded}`:                 &s.evictBlock,
		`UPDATE inode SET flags = flags & ~{incomplete} WHERE state = {dirty} AND flags & {incomplete}`:                  &s.acceptAll,
		`INSERT OR REPLACE INTO image (ino, data) VALUES (?, ?)`:                                                         &s.setImage,
		`DELETE FROM image WHERE ino = ?`:                                          &s.dropImage,
		`INSERT OR REPLACE INTO upload_failure (ino, reason, at) VALUES (?, ?, ?)`: &s.setProblem,
		`DELETE FROM upload_failure WHERE ino = ?`:                                 &s.clearProblem,

		`SELECT ino FROM odd_id WHERE id = ?`:                   &s.oddID,
		`INSERT OR REPLACE INTO odd_id (id, ino) VALUES (?, ?)`: &s.addOddID,
		`INSERT INTO backlink (ino, dir, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`: &s.addBacklink,
		`UPDATE backlink SET count = count - 1 WHERE ino = ? AND dir = ? AND count > 0`:                                    &s.takeBacklink,
		`SELECT ino, count FROM backlink WHERE dir = ?`:                                                                    &s.backlinksTo,
		`DELETE FROM backlink WHERE dir = ?`:                                                                               &s.dropBacklinksTo,
		`DELETE FROM backlink WHERE ino = ?`:                                                                               &s.dropBacklinks,
		`SELECT count(*) FROM dirent WHERE shared = 1 AND ino = ?`:                                                         &s.countLinks,
		`SELECT count(*) FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ? AND i.type = ?`:              &s.countBelow,
		`SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent WHERE d.shared = 1 AND d.ino = ?1
			UNION ALL SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent
			WHERE d.parent = ?2 AND d.name = ?3 AND d.shared IS NULL`: &s.namesIn,
		`UPDATE inode SET type = ?2, rdev = ?3, target = ?4 WHERE ino = ?1`: &s.setKind,
		`INSERT OR REPLACE INTO listing (dir) VALUES (?)`:                   &s.addListing,
		droppable:                           &s.droppable,
		`DELETE FROM inode WHERE ino = ?`:   &s.dropClean,
		`DELETE FROM odd_id WHERE ino = ?`:  &s.dropOddID,
		`DELETE FROM listing WHERE dir = ?`: &s.dropListing,

		`INSERT INTO garbage (ino, after, name) VALUES (?, ?, ?)`: &s.addGarbage.Stmt,
		`INSERT INTO tombstone (dir, name, ino, successor, seq) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT DO UPDATE SET successor = excluded.successor, seq = excluded.seq`: &s.addTombstone.Stmt,
		succeedTombstones: &s.succeed.Stmt,
		`SELECT 1 FROM tombstone WHERE dir = ? LIMIT 1`: &s.anyTombstone,
		`DELETE FROM tombstone WHERE dir = ?1 AND seq <= ?2 AND (successor = 0 OR NOT EXISTS
			(SELECT 1 FROM inode s WHERE s.ino = successor AND (s.state <> {removed} OR s.seq > ?2) AND NOT s.put_pub BETWEEN 1 AND ?3))`: &s.dropTombstones,
		`DELETE FROM tombstone WHERE dir = ?`: &s.voidTombstones,
		`UPDATE inode SET put_pub = 0 WHERE state = {removed} AND type = ?1 AND put_pub > ?2 AND seq <= ?3`: &s.unreach,
		`DELETE FROM garbage WHERE id = ?`:               &s.dropGarbage,
		`DELETE FROM garbage WHERE ino = ? AND name = ?`: &s.claim,
		dropReplaced: &s.dropReplaced,

		`DELETE FROM inode WHERE ino = ? AND state = {removed}`: &s.dropNode,
		`DELETE FROM block WHERE ino = ?`:                       &s.dropNodeBlocks,

		`INSERT INTO inode (ino, parent, name, handle, state, type, mode, uid, gid, size, mtime, ctime, atime, fileid, rdev, links,
			target, flags, peak, put_owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`: &s.insertFound,
		`INSERT INTO dirent (parent, name, ino, shared) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`:      &s.insertFoundName,
		`SELECT ino, expect FROM source_link WHERE fileid = ? AND dev = ? AND type = ?`:                  &s.findLink,
		`INSERT OR REPLACE INTO source_link (fileid, dev, type, ino, expect) VALUES (?, ?, ?, ?, ?)`:     &s.setLink,
		`DELETE FROM source_link WHERE fileid = ? AND ino = ?`:                                           &s.dropLink,
		`INSERT OR IGNORE INTO unscanned (dir) VALUES (?)`:                                               &s.addUnscanned,
		`DELETE FROM unscanned WHERE dir = ?`:                                                            &s.dropUnscanned,
		`UPDATE inode SET fileid = ?2, rdev = ?3 WHERE ino = ?1`:                                         &s.setOrigin,
		`INSERT OR REPLACE INTO failure (parent, name, ino, op, reason, gone) VALUES (?, ?, ?, ?, ?, ?)`: &s.setFailure,
		`DELETE FROM failure WHERE parent = ? AND name = ?`:                                              &s.clearFailure,
		`DELETE FROM failure WHERE parent = ?`:                                                           &s.clearFailures,
		`SELECT ?2 UNION SELECT parent FROM dirent WHERE shared = 1 AND ino = ?1`:                        &s.parentsOf,
		`UPDATE block SET state = {block dirty} WHERE ino = ?`:                                           &s.dirtyBlocks,
		`INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)`:                                     &s.setSetting,
		`DELETE FROM failure`:     &s.dropFailures,
		`DELETE FROM source_link`: &s.dropLinks,
		`DELETE FROM unscanned`:   &s.dropScans,
		`DELETE FROM extra`:       &s.dropExtras,
		`INSERT OR IGNORE INTO extra (dir, name) VALUES (?, ?)`:                                            &s.addExtra,
		`DELETE FROM extra WHERE dir = ? AND name = ?`:                                                     &s.dropExtra,
		`SELECT name FROM dirent WHERE parent = ? AND name > ? AND cookie IS NULL ORDER BY name LIMIT ?`:   &s.unordered,
		`SELECT ino FROM tombstone WHERE dir = ? AND name = ? AND successor = ? ORDER BY seq DESC LIMIT 1`: &s.replacedBy,
		`DELETE FROM tombstone WHERE dir = ? AND name = ? AND ino = ?`:                                     &s.dropTombstone,
		`UPDATE dirent SET cookie = ?3 WHERE parent = ?1 AND name = ?2`:                                    &s.setCookie,
		finishFound:     &s.finish,
		finishDirectory: &s.finishDirectory,
	}
}

const savedColumns = `parent = ?2, name = ?3, mode = ?4, uid = ?5, gid = ?6, size = ?7, mtime = ?8, ctime = ?9, atime = ?10,
	links = ?11, flags = ?12, seq = ?13, cseq = ?14, gen = ?15, next = ?16, sealed = ?17, peak = ?18, mapped = ?19,
	version = ?20, put_version = ?21, put_owner = ?22, put_pub = ?23, put_gen = ?24, image_gen = ?25, used = ?26`

// redoables are the statements that the redo log can hold.
func (s *statements) redoables() []*redoable {
	return []*redoable{&s.insertEntry, &s.replaceEntry, &s.dropEntry, &s.shareEntry, &s.setBlock, &s.dropBlocks,
		&s.addGarbage, &s.addTombstone, &s.succeed}
}

func prepareStatements(conn *sql.Conn, r *recorder) (*statements, error) {
	s := &statements{
		insertEntry:  redoable{op: opInsertEntry, arguments: 5, recorder: r},
		replaceEntry: redoable{op: opReplaceEntry, arguments: 4, recorder: r},
		dropEntry:    redoable{op: opDropEntry, arguments: 2, recorder: r},
		shareEntry:   redoable{op: opShareEntry, arguments: 2, recorder: r},
		setBlock:     redoable{op: opSetBlock, arguments: 4, recorder: r},
		dropBlocks:   redoable{op: opDropBlocks, arguments: 3, recorder: r},
		addGarbage:   redoable{op: opAddGarbage, arguments: 3, recorder: r},
		addTombstone: redoable{op: opAddTombstone, arguments: 5, recorder: r},
		succeed:      redoable{op: opSucceed, arguments: 4, recorder: r},
	}
	for query, stmt := range s.queries() {
		prepared, err := conn.PrepareContext(context.Background(), named(query))
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
