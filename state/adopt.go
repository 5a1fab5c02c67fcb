package state

import (
	"bytes"
	"context"
	"fmt"

	"clfsload/clfs"
)

var (
	oddIDStmt           = newStatement(`SELECT ino FROM odd_id WHERE id = ?`)
	addOddIDStmt        = newStatement(`INSERT OR REPLACE INTO odd_id (id, ino) VALUES (?, ?)`)
	addBacklinkStmt     = newStatement(`INSERT INTO backlink (ino, dir, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`)
	takeBacklinkStmt    = newStatement(`UPDATE backlink SET count = count - 1 WHERE ino = ? AND dir = ? AND count > 0`)
	backlinksToStmt     = newStatement(`SELECT ino, count FROM backlink WHERE dir = ?`)
	dropBacklinksToStmt = newStatement(`DELETE FROM backlink WHERE dir = ?`)
	countBelowStmt      = newStatement(`SELECT count(*) FROM dirent d CROSS JOIN inode i ON i.ino = d.ino WHERE d.parent = ? AND i.type = ?`)
	namesInStmt         = newStatement(`SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent WHERE d.shared = 1 AND d.ino = ?1
			UNION ALL SELECT p.handle FROM dirent d CROSS JOIN inode p ON p.ino = d.parent
			WHERE d.parent = ?2 AND d.name = ?3 AND d.shared IS NULL`)
	setKindStmt    = newStatement(`UPDATE inode SET type = ?2, rdev = ?3, target = ?4 WHERE ino = ?1`)
	addListingStmt = newStatement(`INSERT OR REPLACE INTO listing (dir) VALUES (?)`)
)

// A journal that adopts a container begins with the root alone. A directory is read from the
// container when it is first used: its entries become Remote nodes, of which the id and the
// name are known. A node is read when it is first looked at. What needs more than was read is
// refused with Unread; whoever can read the container adopts that and repeats the call.

// Part is a part of a node that only the container has.
type Part int

const (
	Attributes Part = iota // of a Remote node
	Entries                // of an Unlisted directory
	OtherNames             // of an inode whose last known name is to go: where its other links are
)

func (p Part) String() string { return [...]string{"attributes", "entries", "other names"}[p] }

// Unread is the refusal of a change that needs what only the container has.
type Unread struct {
	Ino  Ino
	Part Part
}

func (u *Unread) Error() string {
	return fmt.Sprintf("the %s of inode %d were not read yet", u.Part, u.Ino)
}
func (*Unread) refusal() {}

// checkRead refuses to change a node that was not read. A changed directory is written
// again, with all its entries.
func (n *Node) checkRead() error {
	switch {
	case n.State == Remote:
		return &Unread{n.Ino, Attributes}
	case n.Flags&Unlisted != 0:
		return &Unread{n.Ino, Entries}
	case n.IsDirectory() && n.Flags&Unfaithful != 0:
		return ErrUnfaithful
	}
	return nil
}

// checkOtherName refuses to take the last known name of an inode that has others.
func checkOtherName(t *tx, n *Node) error {
	if n.IsDirectory() || n.Links < 2 || n.Flags&Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < 2 {
		err = &Unread{n.Ino, OtherNames}
	}
	return err
}

// checkAllNames refuses to take all names of an inode before all are known.
func checkAllNames(t *tx, n *Node) error {
	if n.Flags&Adopted == 0 {
		return nil
	}
	known, err := knownLinks(t, n)
	if err == nil && known < uint64(n.Links) && n.Links > 1 {
		err = &Unread{n.Ino, OtherNames}
	}
	return err
}

// knownLinks counts the names of an inode that has several.
func knownLinks(t *tx, n *Node) (known uint64, err error) {
	err = countLinksStmt.QueryRow(t, n.Ino).Scan(&known)
	return known, err
}

// AdoptedEntry is an entry of a directory in the container.
type AdoptedEntry struct {
	Name []byte
	ID   clfs.ID
	Type clfs.Type
}

// AdoptEntries adds entries to an Unlisted directory. Those that it has already are passed
// over. An entry that cannot be an entry of ours makes the directory Unfaithful. More than one
// caller at a time must not list a directory.
func (j *Journal) AdoptEntries(ctx context.Context, dir Ino, page []AdoptedEntry) error {
	err := j.write(ctx, committed, func(t *tx) error {
		d, err := t.node(dir)
		if err != nil || d.Flags&Unlisted == 0 {
			return err
		}
		before := *d
		for i := range page {
			faithful, err := adoptEntry(t, d, &page[i])
			if err != nil {
				return err
			}
			if !faithful {
				d.Flags |= Unfaithful
			}
		}
		return t.save(&before, d)
	})
	if err != nil {
		return fmt.Errorf("adopt entries of directory %d: %w", dir, err)
	}
	return nil
}

// adoptEntry adds an entry; faithful is false if the directory cannot have it.
func adoptEntry(t *tx, dir *Node, e *AdoptedEntry) (faithful bool, err error) {
	if !canHave(e.Name) {
		return false, nil
	}
	n, ino, err := inodeOf(t, e.ID)
	if err != nil {
		return false, err
	}
	known, err := findEntry(t, dir.Ino, e.Name)
	if err == nil {
		return n != nil && known.ino == n.Ino, nil
	}
	if err != ErrNoEntry {
		return false, err
	}
	if n == nil {
		return true, adoptNew(t, dir, e, ino)
	}
	if n.State == Removed || n.IsDirectory() {
		return false, nil
	}
	return true, adoptLink(t, dir, e, n)
}

// maxNameBytes is how long a name is at most on Linux.
const maxNameBytes = 255

// canHave reports whether a name can be one in a mounted directory.
func canHave(name []byte) bool {
	return len(name) > 0 && len(name) <= maxNameBytes && !bytes.ContainsAny(name, "/\x00") &&
		string(name) != "." && string(name) != ".."
}

// inodeOf returns the node of an id, or nil and the number that it is to get: 0 for one of ours.
// The numbers that this journal gives to its own inodes are no other's.
func inodeOf(t *tx, id clfs.ID) (n *Node, ino Ino, err error) {
	if ino = numberOf(t, id); ino != 0 {
		n, err = t.node(ino)
		if err != nil && err != ErrNoEntry || err == nil && n.ID == id {
			return n, ino, err
		}
		if err == nil || t.settings.OwnNumbers().Has(ino) {
			ino = 0
		}
	}
	n, err = oddInode(t, id) // it may have become one when its number was another's
	return n, ino, err
}

// oddInode returns the node of an id that does not have the number of it, or nil.
func oddInode(t *tx, id clfs.ID) (*Node, error) {
	var ino Ino
	err := oddIDStmt.QueryRow(t, []byte(id)).Scan(&ino)
	if noRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.node(ino)
}

// maxNumber is more than the numbers that handles of the container may give to inodes.
const maxNumber = 1 << 62

// numberOf is the number that an id asks for; 0: none.
func numberOf(t *tx, id clfs.ID) Ino {
	if id == clfs.RootID {
		return RootIno
	}
	h, err := clfs.ParseHandle(id)
	if err != nil || h.ContainerID != t.settings.ContainerID&clfs.ContainerIDMask || h.Sequence < clfs.FirstSequence ||
		h.Sequence >= maxNumber {
		return 0
	}
	return Ino(h.Sequence)
}

// adoptNew adds a node of which only the id and a name are known.
func adoptNew(t *tx, dir *Node, e *AdoptedEntry, ino Ino) error {
	if ino == 0 {
		ino = t.ledger.nextIno
		t.ledger.nextIno++
		if _, err := addOddIDStmt.Exec(t, []byte(e.ID), ino); err != nil {
			return err
		}
	}
	n := Node{Flags: Adopted, PutPub: 1}
	n.Ino, n.Parent, n.Name, n.ID, n.State, n.Links = ino, dir.Ino, e.Name, e.ID, Remote, 1
	n.Attr.Type, n.Attr.Mode = e.Type, e.Type.ModeBits()
	if n.IsDirectory() {
		n.Flags |= Unlisted
		n.Links = 2
	}
	t.ledger.count(&n, 1)
	if err := t.stmts.insert(&n); err != nil {
		return err
	}
	return insertAdoptedEntry(t, dir.Ino, e.Name, ino, false)
}

// insertAdoptedEntry adds an entry, whose name is free.
func insertAdoptedEntry(t *tx, dir Ino, name []byte, ino Ino, shared bool) error {
	if err := insertEntry(t, dir, name, ino, shared); err != nil {
		return err
	}
	t.nextSeq() // which was its cookie
	return nil
}

// adoptLink adds a further name of an inode. If its attributes are known, so are its links.
func adoptLink(t *tx, dir *Node, e *AdoptedEntry, n *Node) error {
	if err := insertAdoptedEntry(t, dir.Ino, e.Name, n.Ino, true); err != nil {
		return err
	}
	if _, err := shareEntryStmt.Exec(t, n.Parent, n.Name); err != nil {
		return err
	}
	if n.State == Remote {
		return nil
	}
	foreseen, err := changed(takeBacklinkStmt.Exec(t, n.Ino, []byte(dir.ID)))
	if err != nil || foreseen {
		return err
	}
	before := *n
	n.setLinks(n.Links + 1)
	return t.save(&before, n)
}

// EndListing notes that all entries of a directory were adopted. Links to it that it does not
// have count no longer.
func (j *Journal) EndListing(ctx context.Context, dir Ino) error {
	err := j.write(ctx, committed, func(t *tx) error {
		d, err := t.node(dir)
		if err != nil || d.Flags&Unlisted == 0 {
			return err
		}
		if err := dropBacklinks(t, d); err != nil {
			return err
		}
		before := *d
		d.Flags &^= Unlisted
		var below uint32
		if err := countBelowStmt.QueryRow(t, dir, clfs.TypeDirectory).Scan(&below); err != nil {
			return err
		}
		d.setLinks(2 + below)
		if _, err := addListingStmt.Exec(t, dir); err != nil {
			return err
		}
		return t.save(&before, d)
	})
	if err != nil {
		return fmt.Errorf("adopt directory %d: %w", dir, err)
	}
	return nil
}

// DropBacklinks takes back all links to a directory that is not in the container.
func (j *Journal) DropBacklinks(ctx context.Context, dir clfs.ID) error {
	err := j.write(ctx, committed, func(t *tx) error {
		d := &Node{}
		d.ID = dir
		return dropBacklinks(t, d)
	})
	if err != nil {
		return fmt.Errorf("drop links to directory %s: %w", dir, err)
	}
	return nil
}

// dropBacklinks takes back the links to a directory that were expected in it.
func dropBacklinks(t *tx, dir *Node) error {
	rows, err := backlinksToStmt.Query(t, []byte(dir.ID))
	list, err := scanAll(rows, err, func(row scanner) (b Backlink, err error) {
		err = row.Scan(&b.ino, &b.Count)
		return b, err
	})
	if err != nil {
		return err
	}
	for _, b := range list {
		n, err := t.node(b.ino)
		if err == ErrNoEntry || err == nil && n.State == Removed {
			continue
		}
		if err != nil {
			return err
		}
		before := *n
		n.setLinks(max(n.Links-min(n.Links, b.Count), 1))
		if err := t.save(&before, n); err != nil {
			return err
		}
	}
	_, err = dropBacklinksToStmt.Exec(t, []byte(dir.ID))
	return err
}

// Backlink is a directory with so many links to an inode that were not read yet.
type Backlink struct {
	Dir   clfs.ID
	Count uint32
	ino   Ino
}

// Backlinks returns the directories that have links to an inode which were not read yet.
func (j *Journal) Backlinks(ctx context.Context, ino Ino) ([]Backlink, error) {
	list, err := queryAll(ctx, j.read, scanBacklink, backlinksQuery, ino)
	if err != nil {
		return nil, fmt.Errorf("list links of inode %d: %w", ino, classify(err))
	}
	return list, nil
}

const backlinksQuery = `SELECT dir, count FROM backlink WHERE ino = ? AND count > 0 ORDER BY dir`

func scanBacklink(row scanner) (b Backlink, err error) {
	var id []byte
	err = row.Scan(&id, &b.Count)
	b.Dir = clfs.ID(id)
	return b, err
}

// AdoptedNode is what the container says of an inode.
type AdoptedNode struct {
	Attr          Attr
	Target        []byte    // of a symbolic link
	Version       uint32    // of its blob
	Owner         uint64    // hash64 of the owner in the blob's name
	NamedHardLink bool      // the blob's name says clfs.TypeHardLink
	OlderVersions bool      // there are lower versions of it
	Back          []clfs.ID // the directories that link to it; not of a directory
	OddLayout     bool      // a file that is not cut into blocks as ours are
}

// AdoptNode notes what the container says of a Remote node. Nothing is done for any other.
func (j *Journal) AdoptNode(ctx context.Context, ino Ino, a AdoptedNode) error {
	err := j.write(ctx, committed, func(t *tx) error {
		n, err := t.node(ino)
		if err != nil || n.State != Remote {
			return err
		}
		before := *n
		takeOver(n, &a, t.nextSeq())
		if !n.IsDirectory() {
			if err := adoptLinks(t, n, a.Back); err != nil {
				return err
			}
		}
		if _, err := setKindStmt.Exec(t, ino, a.Attr.Type, int64(a.Attr.Rdev), a.Target); err != nil {
			return err
		}
		return t.save(&before, n)
	})
	if err != nil {
		return fmt.Errorf("adopt inode %d: %w", ino, err)
	}
	return nil
}

// takeOver takes over what the container says, but for the links of a file. What is in the
// container counts as the seal before the generation next, which this journal must not have used
// for the node: it may have had it before, and dropped it.
func takeOver(n *Node, a *AdoptedNode, next uint64) {
	n.Attr, n.Target = a.Attr, a.Target
	n.Attr.Ino = uint64(n.Ino)
	n.State, n.PutVersion, n.PutOwner, n.Version = Done, a.Version, a.Owner, a.Version+1
	n.Gen, n.Next, n.PutGen = 0, next, next
	n.Flags |= Adopted
	if a.NamedHardLink {
		n.Flags |= NamedHardLink
	}
	if a.OlderVersions {
		n.Flags |= OlderVersions
	}
	if a.OddLayout {
		n.Flags |= Unfaithful
	}
	switch {
	case n.IsDirectory():
		n.Flags |= BaseMap
		n.setLinks(max(uint32(a.Attr.Nlink), 2))
	case n.Attr.Type == clfs.TypeRegular:
		n.Flags |= BaseMap | Evicted
		n.Sealed = Blocks(n.Attr.Size)
	default:
		n.Sealed = Blocks(n.Attr.Size)
	}
}

// adoptLinks compares the back pointers of an inode with its known names, and notes those that
// are in directories which were not read yet.
func adoptLinks(t *tx, n *Node, back []clfs.ID) error {
	unread := map[clfs.ID]uint32{}
	for _, dir := range back {
		unread[dir]++
	}
	known, err := namesIn(t, n)
	if err != nil {
		return err
	}
	links := uint32(len(known))
	for _, dir := range known {
		if unread[dir] > 0 {
			unread[dir]--
		}
	}
	for dir, count := range unread {
		isListed, err := isListed(t, dir)
		if err != nil {
			return err
		}
		if count == 0 || isListed {
			continue
		}
		links += count
		if _, err := addBacklinkStmt.Exec(t, n.Ino, []byte(dir), count); err != nil {
			return err
		}
	}
	n.setLinks(links)
	if links > 1 {
		_, err = shareEntryStmt.Exec(t, n.Parent, n.Name)
	}
	return err
}

// namesIn lists the directories of the known names of an inode, one for each.
func namesIn(t *tx, n *Node) ([]clfs.ID, error) {
	rows, err := namesInStmt.Query(t, n.Ino, n.Parent, n.Name)
	return scanAll(rows, err, func(row scanner) (clfs.ID, error) {
		var id []byte
		err := row.Scan(&id)
		return clfs.ID(id), err
	})
}

// isListed reports whether the entries of a directory were all read.
func isListed(t *tx, id clfs.ID) (bool, error) {
	n, _, err := inodeOf(t, id)
	return n != nil && n.State != Remote && n.Flags&Unlisted == 0, err
}

// NodeOf returns the node of an id. Errors: ErrNoEntry when it was not read yet, or is removed.
func (j *Journal) NodeOf(ctx context.Context, id clfs.ID) (n Node, err error) {
	err = j.write(ctx, committed, func(t *tx) error {
		found, _, err := inodeOf(t, id)
		if err != nil {
			return err
		}
		if found == nil || found.State == Removed {
			return ErrNoEntry
		}
		n = *found
		return nil
	})
	if err != nil {
		return Node{}, fmt.Errorf("find inode %s: %w", id, err)
	}
	return n, nil
}

// RemoteEntry is an entry whose inode was not read yet.
type RemoteEntry struct {
	Cookie uint64
	Ino    Ino
}

// RemoteEntries returns up to limit entries of a directory whose inodes were not read yet, in
// the order of their cookies, all above after.
func (j *Journal) RemoteEntries(ctx context.Context, dir Ino, after uint64, limit int) ([]RemoteEntry, error) {
	list, err := queryAll(ctx, j.read, scanRemoteEntry, `SELECT d.cookie, d.ino FROM dirent d CROSS JOIN inode i ON i.ino = d.ino
		WHERE d.parent = ? AND d.cookie > ? AND i.state = ? ORDER BY d.cookie LIMIT ?`, dir, after, Remote, limit)
	if err != nil {
		return nil, fmt.Errorf("list directory %d: %w", dir, classify(err))
	}
	return list, nil
}

func scanRemoteEntry(row scanner) (e RemoteEntry, err error) {
	err = row.Scan(&e.Cookie, &e.Ino)
	return e, err
}
