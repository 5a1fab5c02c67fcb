package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"

	"clfsload/state"
	"clfsload/sync/blob/secrecy"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/outcome"
)

// Site is a file or directory that a command works with, and that may not exist yet. Two sites
// overlap when one is the other or lies inside of it: a load would then load its own journal, or an
// export would write into the container that it reads.
//
// A site is compared by its file system and its path in that. They are the same through symbolic
// links, ".." and bind mounts.
type Site struct {
	what   string // for messages, such as STATE
	Path   string // absolute, without links
	itself location
	inside []location // itself, and all mounts below it
}

// location is a path in a file system.
type location struct{ device, path string }

// New finds where a path leads. The path must not be a misplaced credential: the path is logged,
// and may be created.
func New(what, path string) (Site, error) {
	if secrecy.Suspect(path) {
		return Site{}, outcome.New(outcome.Usage, fmt.Errorf("%s is not a path: it looks like a credential", what), "check the order of the arguments")
	}
	path, err := Resolve(path)
	if err != nil {
		return Site{}, outcome.New(outcome.Usage, fmt.Errorf("find %s: %w", what, err), "")
	}
	table, err := mountinfo.GetMounts(nil)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // without /proc only paths are compared
		return Site{}, fmt.Errorf("find %s: %w", what, err)
	}
	return locate(what, path, table), nil
}

// Resolve returns the absolute path that the kernel finds, also if it does not exist yet: ".." is
// resolved after the link before it.
func Resolve(path string) (string, error) {
	if filepath.IsAbs(path) {
		return EvalExisting(path), nil
	}
	wd, err := os.Getwd()
	return EvalExisting(wd + "/" + path), err
}

// EvalExisting resolves the links of the existing part of a path, and links to missing files.
func EvalExisting(path string) string { return evalLinks(path, maxLinks) }

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

func locate(what, path string, table []*mountinfo.Info) Site {
	s := Site{what: what, Path: path, itself: location{path: path}}
	longest := -1
	for _, m := range table {
		point, device := m.Mountpoint, fmt.Sprintf("%d:%d", m.Major, m.Minor)
		rel, err := filepath.Rel(point, path)
		if err == nil && within(path, point) && len(point) >= longest { // the last one hides others
			longest = len(point)
			s.itself = location{device, filepath.Join(m.Root, rel)}
		}
		if point != path && within(point, path) {
			s.inside = append(s.inside, location{device, m.Root})
		}
	}
	s.inside = append(s.inside, s.itself)
	return s
}

// liesIn reports whether s is o or lies in it.
func (s Site) liesIn(o Site) bool {
	for _, l := range o.inside {
		if l.device == s.itself.device && within(s.itself.path, l.path) {
			return true
		}
	}
	return false
}

// OutOf returns an error if s is one of the others or lies in one.
func (s Site) OutOf(others ...Site) error {
	for _, o := range others {
		if s.liesIn(o) {
			return fmt.Errorf("%s %s is inside %s %s", s.what, s.Path, o.what, o.Path)
		}
	}
	return nil
}

// ApartFrom returns an error if s overlaps with one of the others.
func (s Site) ApartFrom(others ...Site) error {
	for _, o := range others {
		if err := s.OutOf(o); err != nil {
			return err
		}
		if err := o.OutOf(s); err != nil {
			return err
		}
	}
	return nil
}

// OutOfOthers returns an error if s lies in the STATE or in the container of another load or mount:
// nothing may be created there.
func (s Site) OutOfOthers() error {
	for dir := filepath.Dir(s.Path); ; dir = filepath.Dir(dir) {
		if found, _ := state.Exists(dir); found {
			return fmt.Errorf("%s %s is inside the STATE %s", s.what, s.Path, dir)
		}
		if _, err := os.Lstat(filepath.Join(dir, bucket.Name)); err == nil {
			return fmt.Errorf("%s %s is inside the container dir:%s", s.what, s.Path, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// AnotherPlace is the hint for an overlap.
const AnotherPlace = "choose another place: neither of the two may contain the other"
