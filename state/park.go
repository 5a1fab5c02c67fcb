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

// Parking is what the root lists for as long as the members of circles move.
type Parking struct {
	// Stands are entries of the root for those members that are in the container, or
	// will be before the root is put, and that it does not list anyway. Their names
	// are stand-ins.
	Stands []SnapshotChild
	// parted are the directories that are put without members: they gain them.
	parted []Ino
}

// Parking says how the members of circles are parked.
func (s *Snapshot) Parking(ctx context.Context, c *Circles) (*Parking, error) {
	out, err := s.MovedOut(ctx, RootIno)
	if err != nil {
		return nil, err
	}
	p := &Parking{}
	for _, n := range c.Breaks {
		p.parted = append(p.parted, n.Ino)
	}
	for _, ino := range slices.Sorted(maps.Keys(c.Members)) {
		n, err := s.node(ctx, ino)
		if err != nil {
			return nil, err
		}
		gone := n.State == Removed
		if !gone && n.PutSeq == 0 {
			p.parted = append(p.parted, ino)
		}
		if !gone && n.Parent == RootIno || gone && n.PutVersion == 0 ||
			slices.ContainsFunc(out, func(c SnapshotChild) bool { return c.Ino == ino }) {
			continue
		}
		stand := SnapshotChild{ID: n.ID, Type: n.Attr.Type, Ino: ino, Put: true}
		if stand.Name, err = s.standIn(ctx, RootIno, ino, n.Name); err != nil {
			return nil, err
		}
		p.Stands = append(p.Stands, stand)
	}
	return p, nil
}

// Park notes, durably, that the root as it is in a snapshot is about to be published
// with further entries, and that it and the parted directories are to be put once
// more: by a later publication should this one be cut off.
func (j *Journal) Park(ctx context.Context, root Node, p *Parking) error {
	err := j.write(ctx, durable, func(t *tx) error {
		for _, stand := range p.Stands {
			// As of the snapshot: the final put of that ends it.
			if _, err := t.mount.addMoved.Exec(RootIno, stand.Name, stand.Ino, root.Seq); err != nil {
				return err
			}
		}
		for _, ino := range p.parted {
			if err := t.hold(ino, Gained); err != nil {
				return err
			}
		}
		return t.hold(RootIno, Lost)
	})
	if err != nil {
		return fmt.Errorf("park %d directories: %w", len(p.Stands), err)
	}
	return nil
}

// hold has the next publication put a directory that still has a name.
func (t *tx) hold(ino Ino, flag Flags) error {
	n, err := t.node(ino)
	if err == ErrNoEntry || err == nil && n.State == Removed {
		return nil
	}
	if err != nil {
		return err
	}
	before := *n
	n.State, n.Flags = Held, n.Flags|flag
	return t.save(&before, n)
}
