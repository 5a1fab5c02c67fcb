package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"clfsload/state/namespace"
	"clfsload/state/schema"
	"clfsload/state/store"
)

var (
	setSettingStmt   = store.NewStatement(`INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)`)
	dropFailuresStmt = store.NewStatement(`DELETE FROM failure`)
	dropLinksStmt    = store.NewStatement(`DELETE FROM source_link`)
	dropScansStmt    = store.NewStatement(`DELETE FROM unscanned`)
	dropExtrasStmt   = store.NewStatement(`DELETE FROM extra`)
)

// BeginLoad begins a load of s.Source into the directory s.Merge.Into of the namespace. The
// journal has the settings s from then on. Directories that are missing are made: the last one
// with the attributes root, those above with the attributes above. What has failed before is
// forgotten. Errors, with which nothing was changed: *Unread, ErrNotDirectory, ErrUnfaithful.
func (j Recorder) BeginLoad(ctx context.Context, s schema.Settings, root, above schema.Attr) error {
	names := intoNames(s.Merge.Into)
	err := j.Write(ctx, store.Committed, func(t *store.Tx) error {
		_, _, err := follow(t, names)
		return err
	})
	if err == nil {
		err = j.forgetFailed(ctx)
	}
	was := j.Settings
	if err == nil {
		err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
			s.Kind, s.Merge.First = schema.KindLoad, t.Ledger.NextIno
			return beginLoad(t, s, names, root, above)
		})
	}
	if err != nil {
		j.Settings = was
		return fmt.Errorf("begin a load into %s: %w", s.Merge.Into, err)
	}
	return nil
}

// follow goes from the root along names, as far as there are any. rest are those that are missing.
// Errors: those of tx.directory.
func follow(t *store.Tx, names []string) (dir *schema.Node, rest []string, err error) {
	dir, err = t.Directory(schema.RootIno)
	for i, name := range names {
		if err != nil {
			return nil, nil, err
		}
		e, err := namespace.FindEntry(t, dir.Ino, []byte(name))
		if err == schema.ErrNoEntry {
			return dir, names[i:], nil
		}
		if err != nil {
			return nil, nil, err
		}
		if dir, err = t.Directory(e.Ino); err != nil {
			return nil, nil, err
		}
	}
	return dir, nil, err
}

func beginLoad(t *store.Tx, s schema.Settings, names []string, root, above schema.Attr) error {
	dir, rest, err := follow(t, names)
	if err != nil {
		return err
	}
	if err := takeSettings(t, s, schema.PhaseTransfer); err != nil {
		return err
	}
	nodes, bytes := t.Ledger.ToDo()
	t.Ledger.Found = schema.Found{FoundInodes: nodes, FoundBytes: bytes}
	for i, name := range rest {
		a := above
		if i == len(rest)-1 {
			a = root
		}
		if dir, err = makeInto(t, dir.Ino, &Entry{Name: []byte(name), Attr: a}); err != nil {
			return err
		}
	}
	if _, err := dropScansStmt.Exec(t); err != nil { // those above are not the source's
		return err
	}
	_, err = addUnscannedStmt.Exec(t, dir.Ino)
	return err
}

// makeInto adds a directory for a load, outside of what the load compares.
func makeInto(t *store.Tx, ino schema.Ino, e *Entry) (*schema.Node, error) {
	dir, err := t.Node(ino)
	if err != nil {
		return nil, err
	}
	before, now := *dir, time.Now().UnixNano()
	made, err := addFound(t, dir, e, schema.Held, nil)
	if err != nil {
		return nil, err
	}
	grow(t, dir, now)
	dir.Attr.Mtime, dir.Attr.Ctime = now, now
	if err := t.Save(&before, dir); err != nil {
		return nil, err
	}
	return t.Node(made)
}

// ErrTakenBack: what a load has replaced or removed cannot be taken back.
var ErrTakenBack = errors.New("the load that is under way was allowed to update or to delete")

// ChangeMerge has a load that is under way compare, update and delete as m says. If that is
// something else than before, the source is scanned once more. Errors: ErrTakenBack.
func (j Recorder) ChangeMerge(ctx context.Context, m schema.Merge) error {
	was := j.Settings
	m.Into, m.First = was.Merge.Into, was.Merge.First
	switch {
	case m == was.Merge:
		return nil
	case was.Merge.Update && !m.Update, was.Merge.Delete && !m.Delete:
		return ErrTakenBack
	}
	err := j.Write(ctx, store.Durable, func(t *store.Tx) error {
		dir, _, err := follow(t, intoNames(m.Into))
		if err != nil {
			return err
		}
		t.Settings.Merge = m
		if err := saveSettings(t); err != nil {
			return err
		}
		if _, err := dropExtrasStmt.Exec(t); err != nil {
			return err
		}
		_, err = addUnscannedStmt.Exec(t, dir.Ino)
		return err
	})
	if err != nil {
		j.Settings = was
		return fmt.Errorf("change the load into %s: %w", m.Into, err)
	}
	return nil
}

// intoNames are the names of a path of Merge.Into.
func intoNames(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func saveSettings(t *store.Tx) error {
	for name, value := range t.Settings.Pairs() {
		if _, err := setSettingStmt.Exec(t, name, value); err != nil {
			return err
		}
	}
	return nil
}

// takeSettings gives the journal other settings. What it knew of a source before is forgotten.
func takeSettings(t *store.Tx, s schema.Settings, p schema.Phase) error {
	*t.Settings = s
	if err := saveSettings(t); err != nil {
		return err
	}
	for _, stmt := range []store.Statement{dropFailuresStmt, dropLinksStmt, dropScansStmt, dropExtrasStmt} {
		if _, err := stmt.Exec(t); err != nil {
			return err
		}
	}
	t.Ledger.Failures, t.Ledger.Phase = 0, p
	return nil
}

// BeginMount makes the journal of a load that is complete that of a mount. What the load has left
// out because it failed is no entry of the namespace then.
func (j Recorder) BeginMount(ctx context.Context) error {
	err := j.forgetFailed(ctx)
	was := j.Settings
	if err == nil {
		err = j.Write(ctx, store.Durable, func(t *store.Tx) error {
			s := *t.Settings
			s.Kind, s.Source, s.Include, s.Exclude, s.Merge = schema.KindMount, "", nil, nil, schema.Merge{}
			return takeSettings(t, s, schema.PhaseTransfer)
		})
	}
	if err != nil {
		j.Settings = was
		return fmt.Errorf("begin a mount: %w", err)
	}
	return nil
}

// forgetFailed forgets all inodes that have failed, with their names.
func (j Recorder) forgetFailed(ctx context.Context) error {
	return store.EachPage(func(schema.Inode) ([]schema.Inode, error) {
		return j.Inodes(ctx, `SELECT `+schema.InodeColumns+` FROM inode WHERE state = {failed} AND ino IN
			(SELECT ino FROM failure WHERE ino IS NOT NULL) ORDER BY ino LIMIT ?`, forgetPage)
	}, func(page []schema.Inode) error {
		for _, in := range page {
			if err := j.Forget(ctx, in); err != nil {
				return err
			}
		}
		return nil
	})
}
