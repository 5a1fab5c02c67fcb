package state

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"clfsload/clfs"
)

// Circles are the directories that could lead to each other in a circle while some of
// the directories that list them are published as they were and some as they are: one
// moved below another that was below it. Mostly there are none.
//
// All edges that the container may have until the publication is over are those of the
// snapshot and those of the moved rows. A circle has one of the latter, which the
// snapshot does not have, and it leads from a directory of Breaks to a Member.
type Circles struct {
	// Members are all on such circles, and those on ways from one to another.
	Members map[Ino]bool
	// Breaks are the directories, the root left out, that a Member was moved away from.
	Breaks []Node
}

// Circles finds what a publication of the snapshot has to put with care.
func (s *Snapshot) Circles(ctx context.Context) (*Circles, error) {
	starts, err := s.inos(ctx, `SELECT DISTINCT m.dir FROM moved m CROSS JOIN inode i ON i.ino = m.ino
		WHERE i.type = ? AND m.dir <> ? AND (i.parent <> m.dir OR i.state = 7)`, clfs.TypeDirectory, RootIno)
	if err != nil {
		return nil, err
	}
	g := ancestry{}
	for _, dir := range starts {
		if err := g.climb(ctx, s, dir); err != nil {
			return nil, err
		}
	}
	g.trim()
	c := &Circles{Members: map[Ino]bool{}}
	for dir := range g {
		c.Members[dir] = true
	}
	c.Breaks, err = s.breaks(ctx, starts, c.Members)
	return c, err
}

// inos reads a column of numbers.
func (s *Snapshot) inos(ctx context.Context, query string, args ...any) ([]Ino, error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for circles: %w", classify(err))
	}
	defer rows.Close()
	var list []Ino
	for rows.Next() {
		var ino Ino
		if err := rows.Scan(&ino); err != nil {
			return nil, fmt.Errorf("look for circles: %w", classify(err))
		}
		list = append(list, ino)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for circles: %w", classify(err))
	}
	return list, nil
}

// ancestry has directories, and those that list them or may do so.
type ancestry map[Ino]*kin

type kin struct {
	above, below []Ino
	left         int // of above, or of below, that are not known to be on no circle
}

// climb adds a directory and all above it. The root is never on a circle: it is not
// listed anywhere.
func (g ancestry) climb(ctx context.Context, s *Snapshot, dir Ino) error {
	todo := []Ino{dir}
	for len(todo) > 0 {
		ino := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if ino == RootIno || g[ino] != nil {
			continue
		}
		above, err := s.inos(ctx, `SELECT parent FROM inode WHERE ino = ?1 AND state <> 7
			UNION SELECT dir FROM moved WHERE ino = ?1`, ino)
		if err != nil {
			return err
		}
		g[ino] = &kin{above: above}
		todo = append(todo, above...)
	}
	return nil
}

// trim leaves only what is on circles, or between two.
func (g ancestry) trim() {
	for ino, k := range g {
		k.above = slices.DeleteFunc(k.above, func(above Ino) bool { return g[above] == nil })
		for _, above := range k.above {
			g[above].below = append(g[above].below, ino)
		}
	}
	g.trimFrom(func(k *kin) []Ino { return k.above }, func(k *kin) []Ino { return k.below })
	g.trimFrom(func(k *kin) []Ino { return k.below }, func(k *kin) []Ino { return k.above })
}

// trimFrom takes away, again and again, what has nothing before it.
func (g ancestry) trimFrom(before, after func(*kin) []Ino) {
	var free []Ino
	for ino, k := range g {
		k.left = 0
		for _, other := range before(k) {
			if g[other] != nil {
				k.left++
			}
		}
		if k.left == 0 {
			free = append(free, ino)
		}
	}
	for len(free) > 0 {
		ino := free[len(free)-1]
		free = free[:len(free)-1]
		next := after(g[ino])
		delete(g, ino)
		for _, other := range next {
			k := g[other]
			if k == nil {
				continue
			}
			if k.left--; k.left == 0 {
				free = append(free, other)
			}
		}
	}
}

// breaks returns those of a list of directories that a member was moved away from.
func (s *Snapshot) breaks(ctx context.Context, dirs []Ino, members map[Ino]bool) ([]Node, error) {
	if len(members) == 0 {
		return nil, nil
	}
	var list []Node
	for _, dir := range dirs {
		gone, err := s.inos(ctx, `SELECT m.ino FROM moved m CROSS JOIN inode i ON i.ino = m.ino
			WHERE m.dir = ? AND i.type = ? AND (i.parent <> m.dir OR i.state = 7)`, dir, clfs.TypeDirectory)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(gone, func(ino Ino) bool { return members[ino] }) {
			continue
		}
		n, err := s.node(ctx, dir)
		if err != nil {
			return nil, err
		}
		if n.State != Removed {
			list = append(list, n)
		}
	}
	return list, nil
}

func (s *Snapshot) node(ctx context.Context, ino Ino) (Node, error) {
	n, err := scanNode(s.conn.QueryRowContext(ctx, `SELECT `+nodeColumns+` FROM inode WHERE ino = ?`, ino))
	if err != nil {
		return Node{}, fmt.Errorf("read node %d: %w", ino, classify(err))
	}
	return n, nil
}

// Stands returns an entry of the root directory for each of some directories that are
// in the container and that the root does not list anyway, under a stand-in name.
func (s *Snapshot) Stands(ctx context.Context, members map[Ino]bool) ([]SnapshotChild, error) {
	out, err := s.MovedOut(ctx, RootIno)
	if err != nil {
		return nil, err
	}
	var list []SnapshotChild
	for _, ino := range slices.Sorted(maps.Keys(members)) {
		n, err := s.node(ctx, ino)
		if err != nil {
			return nil, err
		}
		gone := n.State == Removed
		if !gone && n.Parent == RootIno || gone && n.PutVersion == 0 ||
			slices.ContainsFunc(out, func(c SnapshotChild) bool { return c.Ino == ino }) {
			continue
		}
		c := SnapshotChild{ID: n.ID, Type: n.Attr.Type, Ino: ino, Put: true}
		if c.Name, err = s.standIn(ctx, RootIno, ino, n.Name); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// Park notes, durably, that the root as it is in a snapshot is about to be published
// with further entries, and to be put once more without them: by a later publication
// should this one be cut off.
func (j *Journal) Park(ctx context.Context, root Node, stands []SnapshotChild) error {
	err := j.mutateDurably(ctx, func(t *tx) error {
		n, err := t.node(RootIno)
		if err != nil {
			return err
		}
		before := *n
		n.State, n.Flags = Held, n.Flags|Lost
		for _, c := range stands {
			// As of the snapshot: the final put of that ends it.
			if _, err := t.mount.addMoved.Exec(RootIno, c.Name, c.Ino, root.Seq); err != nil {
				return err
			}
		}
		return t.save(&before, n)
	})
	if err != nil {
		return fmt.Errorf("park %d directories: %w", len(stands), err)
	}
	return nil
}
