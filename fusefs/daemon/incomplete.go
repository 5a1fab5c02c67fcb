package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"time"

	"clfsload/clfs"
	"clfsload/fusefs/daemon/wire"
	"clfsload/state"
	"clfsload/sync/control"
	"clfsload/sync/outcome"
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
func (m *mount) incompletes() incompletes {
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
func (i incompletes) first(ctx context.Context, limit int) ([]wire.Left, error) {
	list := []wire.Left{}
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
func (i incompletes) describe(ctx context.Context, n state.Node) (wire.Left, error) {
	p, err := i.journal.Path(ctx, n.Inode)
	if err != nil {
		return wire.Left{}, err
	}
	why := cutOffWriter
	if i.written(n.Ino) {
		why = openForWriting
	} else if name, err := i.successor(ctx, n); err != nil {
		return wire.Left{}, err
	} else if name != "" {
		why = supersededBy(name)
	}
	return wire.Left{Path: report.NewPath(p), Why: why}, nil
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

// report lists the files that match, and does to each what act does. act reports false
// for a file that is not incomplete any more.
func (i incompletes) report(ctx context.Context, v wire.IncompleteRequest, act func(state.Ino) (bool, error)) (wire.IncompleteReport, error) {
	r := wire.IncompleteReport{State: i.journal.Dir(), Files: []wire.Left{}}
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
		if r.Total++; len(r.Files) < wire.ListedLeft {
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

// Incompletes does it with a STATE of which no mount runs.
func Incompletes(ctx context.Context, stateDir string, v wire.IncompleteRequest) (wire.IncompleteReport, error) {
	if v.Action == "" {
		return listEnded(ctx, stateDir, v)
	}
	return changeEnded(ctx, stateDir, v)
}

// listEnded lists the files of a STATE of which no mount runs, and changes nothing.
func listEnded(ctx context.Context, stateDir string, v wire.IncompleteRequest) (r wire.IncompleteReport, err error) {
	j, err := state.OpenReadOnly(stateDir)
	if err != nil {
		return r, err
	}
	defer j.Close()
	if j.Settings.Kind != state.KindMount {
		return r, errLoadState(stateDir)
	}
	return endedIncompletes(j).report(ctx, v, justList)
}

func errLoadState(stateDir string) error {
	return outcome.New(outcome.State, fmt.Errorf("%s is the STATE of a load", stateDir), "name the STATE of a mount")
}

// changeEnded does what the next mount does first, and then what was asked for.
func changeEnded(ctx context.Context, stateDir string, v wire.IncompleteRequest) (r wire.IncompleteReport, err error) {
	m := &mount{dir: stateDir, options: Options{Log: slog.New(slog.DiscardHandler), LogTo: func(io.Writer) {}}}
	defer func() { err = errors.Join(err, m.close(context.WithoutCancel(ctx))) }()
	if m.journal, err = state.Open(stateDir); err != nil {
		return r, statedir.Explain(err)
	}
	if m.journal.Settings.Kind != state.KindMount {
		return r, errLoadState(stateDir)
	}
	if err := m.recover(ctx); err != nil {
		return r, err
	}
	i := endedIncompletes(m.journal)
	act := i.accept(ctx)
	if v.Action == wire.ActionRemove {
		act = func(ino state.Ino) (bool, error) {
			_, names, err := m.journal.RemoveIncomplete(ctx, ino, time.Now().UnixNano(), nil)
			return len(names) > 0, err
		}
	}
	r, err = i.report(ctx, v, act)
	return r, errors.Join(err, m.journal.Sync(ctx))
}

// incompleteFiles does it in a mount that runs.
func (m *mount) incompleteFiles(ctx context.Context, v wire.IncompleteRequest) (wire.IncompleteReport, error) {
	i, act := m.incompletes(), justList
	switch v.Action {
	case wire.ActionRemove:
		act = func(ino state.Ino) (bool, error) { return m.fs.RemoveIncomplete(ctx, ino) }
	case wire.ActionAccept:
		act = i.accept(ctx)
	}
	r, err := i.report(ctx, v, act)
	if v.Action == "" {
		return r, err
	}
	m.options.Log.Info("incomplete files", "action", v.Action, "files", r.Total)
	return r, errors.Join(err, m.journal.Sync(ctx))
}

// answerIncomplete answers POST /incomplete.
func (m *mount) answerIncomplete(w http.ResponseWriter, r *http.Request) {
	var v wire.IncompleteRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(&v); err != nil {
		http.Error(w, "the body must be a JSON object", http.StatusBadRequest)
		return
	}
	if err := control.Patient(w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	report, err := m.incompleteFiles(r.Context(), v)
	answer(w, report, err)
}
