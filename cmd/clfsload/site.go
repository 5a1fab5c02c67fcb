package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clfsload/fusefs"
	"clfsload/state"
	"clfsload/sync/blob/secrecy"
	"clfsload/sync/engine"
	"clfsload/sync/outcome"
)

// site is a file or directory that a command works with, and that may not exist yet.
// Two sites overlap when one is the other or lies inside of it: a load would then load
// its own journal, an export write into the container that it reads.
//
// A site is compared by its file system and its path in that, which are the same
// through symbolic links, ".." and bind mounts.
type site struct {
	what   string // for messages, such as STATE
	path   string // absolute, without links
	itself location
	inside []location // itself, and what is mounted below it
}

// location is a path in a file system.
type location struct{ device, path string }

// newSite finds where a path leads. What it names must not be a credential that stands
// in the wrong place: the path gets into logs, and may be made.
func newSite(what, path string) (site, error) {
	if secrecy.Suspect(path) {
		return site{}, outcome.New(outcome.Usage, fmt.Errorf("%s is no path: it looks like a credential", what), "check the order of the arguments")
	}
	path, err := resolve(path)
	if err != nil {
		return site{}, outcome.New(outcome.Usage, fmt.Errorf("find %s: %w", what, err), "")
	}
	table, err := fusefs.MountTable()
	if err != nil && !errors.Is(err, os.ErrNotExist) { // without /proc paths alone are compared
		return site{}, fmt.Errorf("find %s: %w", what, err)
	}
	return locate(what, path, table), nil
}

// resolve returns the absolute path that the kernel finds, also of what is yet to be
// made: ".." is resolved after the link before it.
func resolve(path string) (string, error) {
	if filepath.IsAbs(path) {
		return evalExisting(path), nil
	}
	wd, err := os.Getwd()
	return evalExisting(wd + "/" + path), err
}

// evalExisting resolves the links of the part of a path that exists, and those that
// lead to what does not exist.
func evalExisting(path string) string { return evalLinks(path, maxLinks) }

// maxLinks is how many links the kernel follows in a path.
const maxLinks = 40

func evalLinks(path string, most int) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent, name := filepath.Split(strings.TrimRight(path, "/"))
	if name == "" {
		return "/"
	}
	if to, err := os.Readlink(parent + name); err == nil && most > 0 {
		if !filepath.IsAbs(to) {
			to = parent + to
		}
		return evalLinks(to, most-1)
	}
	return filepath.Join(evalLinks(parent, most), name)
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func locate(what, path string, table []fusefs.MountEntry) site {
	s := site{what: what, path: path, itself: location{path: path}}
	longest := -1
	for _, m := range table {
		rel, err := filepath.Rel(m.Point, path)
		if err == nil && within(path, m.Point) && len(m.Point) >= longest { // the last one hides others
			longest = len(m.Point)
			s.itself = location{m.Device, filepath.Join(m.Root, rel)}
		}
		if m.Point != path && within(m.Point, path) {
			s.inside = append(s.inside, location{m.Device, m.Root})
		}
	}
	s.inside = append(s.inside, s.itself)
	return s
}

// liesIn reports whether s is o or lies in it.
func (s site) liesIn(o site) bool {
	for _, l := range o.inside {
		if l.device == s.itself.device && within(s.itself.path, l.path) {
			return true
		}
	}
	return false
}

// outOf returns an error if s is one of the others or lies in one.
func (s site) outOf(others ...site) error {
	for _, o := range others {
		if s.liesIn(o) {
			return fmt.Errorf("%s %s is inside %s %s", s.what, s.path, o.what, o.path)
		}
	}
	return nil
}

// apartFrom returns an error if s overlaps with one of the others.
func (s site) apartFrom(others ...site) error {
	for _, o := range others {
		if err := s.outOf(o); err != nil {
			return err
		}
		if err := o.outOf(s); err != nil {
			return err
		}
	}
	return nil
}

// outOfOthers returns an error if s lies in the STATE or in the container of something
// else, where nothing may be made.
func (s site) outOfOthers() error {
	for dir := filepath.Dir(s.path); ; dir = filepath.Dir(dir) {
		if found, _ := state.Exists(dir); found {
			return fmt.Errorf("%s %s is inside the STATE %s", s.what, s.path, dir)
		}
		if _, err := os.Lstat(filepath.Join(dir, engine.BucketName)); err == nil {
			return fmt.Errorf("%s %s is inside the container dir:%s", s.what, s.path, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// anotherPlace is what to do about an overlap.
const anotherPlace = "choose another place, which is neither inside of the other nor around it"
