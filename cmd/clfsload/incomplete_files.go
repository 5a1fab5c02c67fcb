package main

import (
	"context"
	"errors"
	"path"
	"regexp"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/report"
	"clfsload/sync/scan/filter"
	"clfsload/sync/statedir"
)

// incompletes are the incomplete files of a mount, or of a STATE of which none runs.
type incompletes struct {
	journal *state.Journal
	list    func(ctx context.Context, after state.Ino, limit int) ([]state.Node, error)
	written func(state.Ino) bool // whether somebody writes a file
}

// incompletes are those of a mount that runs.
func (m *writableMount) incompletes() incompletes {
	return incompletes{m.journal, m.journal.Incompletes, m.fs.IsWritten}
}

// endedIncompletes are those of a STATE of which no mount runs: what was open for writing
// when the last one ended is one of them.
func endedIncompletes(j *state.Journal) incompletes {
	_, rebooted := statedir.BootID(j.Dir())
	return incompletes{j, func(ctx context.Context, after state.Ino, limit int) ([]state.Node, error) {
		return j.CutOff(ctx, rebooted, after, limit)
	}, func(state.Ino) bool { return false }}
}

// each calls fn for all incomplete files.
func (i incompletes) each(ctx context.Context, fn func(state.Node) error) error {
	const page = 500
	for after := state.Ino(0); ; {
		nodes, err := i.list(ctx, after, page)
		if err != nil || len(nodes) == 0 {
			return err
		}
		for _, n := range nodes {
			after = n.Ino
			if err := fn(n); err != nil {
				return err
			}
		}
	}
}

// first returns the first files, for a status.
func (i incompletes) first(ctx context.Context, limit int) ([]leftValue, error) {
	list := []leftValue{}
	nodes, err := i.list(ctx, 0, limit)
	for _, n := range nodes {
		v, e := i.describe(ctx, n)
		if err = errors.Join(err, e); err == nil {
			list = append(list, v)
		}
	}
	return list, err
}

const cutOffWriter = "incomplete: its writer was cut off"

// describe says what a file is.
func (i incompletes) describe(ctx context.Context, n state.Node) (leftValue, error) {
	p, err := i.journal.Path(ctx, n.Inode)
	if err != nil {
		return leftValue{}, err
	}
	why := cutOffWriter
	if i.written(n.Ino) {
		why = openForWriting
	} else if name, err := i.successor(ctx, n); err != nil {
		return leftValue{}, err
	} else if name != "" {
		why = supersededBy(name)
	}
	return leftValue{report.NewPath(p), why}, nil
}

func supersededBy(name string) string {
	return "incomplete: left behind by rsync, which has written " + report.Quote(name) + " since"
}

// rsyncName matches the names of the files that rsync writes to. It gives one its final
// name when it is whole.
var rsyncName = regexp.MustCompile(`(?s)^\.(.+)\.[0-9A-Za-z]{6}$`)

// aWord matches an end that somebody may have chosen, such as .backup. rsync draws one of these
// once in 180 times.
var aWord = regexp.MustCompile(`\.[a-z]{6}$`)

// othersBits are the mode bits that rsync sets last of all.
const othersBits = 0o077

// successor returns the final name of a file that rsync was writing when it was cut off, if
// a whole file of that name was written since: then nobody misses the incomplete one. ""
// for any other file. What counts is the order of changes in the journal. Times come from
// the source.
func (i incompletes) successor(ctx context.Context, n state.Node) (string, error) {
	match := rsyncName.FindSubmatch(n.Name)
	if match == nil || aWord.Match(n.Name) || n.Attr.Mode&othersBits != 0 || n.Links != 1 {
		return "", nil
	}
	for _, name := range []string{string(match[1]), "." + string(match[1])} { // it puts no second dot before a name
		final, err := i.journal.Lookup(ctx, n.Parent, []byte(name))
		if errors.Is(err, state.ErrNoEntry) {
			continue
		}
		if err != nil {
			return "", err
		}
		whole := final.Attr.Type == clfs.TypeRegular && final.Flags&(state.Opened|state.Incomplete) == 0 && !i.written(final.Ino)
		if whole && final.Cseq > n.Cseq {
			return name, nil
		}
	}
	return "", nil
}

// excuse says why it is no failure that a node is not published as it is; "" when it is
// one. leave: incomplete files are none.
func (i incompletes) excuse(ctx context.Context, n state.Node, leave bool) (string, error) {
	if n.Flags&(state.Incomplete|state.Opened) != state.Incomplete || i.written(n.Ino) {
		return "", nil
	}
	name, err := i.successor(ctx, n)
	switch {
	case err != nil:
		return "", err
	case name != "":
		return supersededBy(name), nil
	case leave:
		return cutOffWriter, nil
	}
	return "", nil
}

// excused counts the files that are no failure.
func (i incompletes) excused(ctx context.Context, leave bool) (count int, err error) {
	err = i.each(ctx, func(n state.Node) error {
		why, err := i.excuse(ctx, n, leave)
		if why != "" {
			count++
		}
		return err
	})
	return count, err
}

// incompleteValue is the body of POST /incomplete.
type incompleteValue struct {
	Action   string   `json:"action,omitempty"`   // "": list them, actionRemove, actionAccept
	Patterns []string `json:"patterns,omitempty"` // none: all files
}

const (
	actionRemove = "remove"
	actionAccept = "accept"
)

// incompleteReport answers it.
type incompleteReport struct {
	State string      `json:"state"`
	Total int         `json:"total"` // files that match, or to which the action was done
	Files []leftValue `json:"files"` // the first of them
}

// report lists the files that match, and does to each what act does. act reports false
// for a file that is not incomplete any more.
func (i incompletes) report(ctx context.Context, v incompleteValue, act func(state.Ino) (bool, error)) (incompleteReport, error) {
	r := incompleteReport{State: i.journal.Dir(), Files: []leftValue{}}
	taken, err := filter.New(v.Patterns, nil)
	if err != nil {
		return r, err
	}
	err = i.each(ctx, func(n state.Node) error {
		file, err := i.describe(ctx, n)
		if errors.Is(err, state.ErrNoEntry) {
			return nil // it was removed meanwhile
		}
		if err != nil {
			return err
		}
		if dir, name := path.Split(file.Bytes()); !taken.At(path.Clean(dir)).Takes(name, false) {
			return nil
		}
		if done, err := act(n.Ino); err != nil || !done {
			return err
		}
		if r.Total++; len(r.Files) < shownLeft {
			r.Files = append(r.Files, file)
		}
		return nil
	})
	return r, err
}

// justList is the action of a listing.
func justList(state.Ino) (bool, error) { return true, nil }

// accept is the action that makes files ordinary ones.
func (i incompletes) accept(ctx context.Context) func(state.Ino) (bool, error) {
	return func(ino state.Ino) (bool, error) {
		if i.written(ino) {
			return false, nil
		}
		return i.journal.AcceptFile(ctx, ino)
	}
}
