// Package filter decides by patterns which entries of a tree are taken.
//
// A pattern has the form of a line in a .gitignore file. It is matched against
// the path of an entry below the root of the tree:
//
//   - without a slash, or with one at its end only, it matches the name of an
//     entry at any depth: *.o, core, cache/
//   - with a slash elsewhere it matches from the root on: /scratch, src/*.o
//   - a slash at its end restricts it to directories
//   - * and ? match within one name, [a-z] a class, ** any number of names;
//     {a,b} matches either, which .gitignore does not know
//   - a backslash takes the special meaning from the next character
//   - an exclamation mark in front takes back what earlier patterns of the same
//     list match; the last pattern that matches decides
//
// There are two lists. What an Exclude list matches is left out; of a directory,
// all that is below it. With an Include list only what it matches is taken, and
// what is below a directory that it matches. Directories themselves are taken
// whether it matches them or not, because something below may. Exclude wins.
//
// Names are bytes: a name that is no UTF-8 is matched byte by byte.
package filter

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Filter holds the two lists. Its zero value takes everything. It may be used by
// many goroutines.
type Filter struct {
	include, exclude []pattern
}

// pattern is one line of a list.
type pattern struct {
	glob    string // matched against a whole path
	dirOnly bool
	negated bool
}

// New reads the patterns of both lists. The error names the one that is wrong.
func New(include, exclude []string) (Filter, error) {
	var f Filter
	for _, list := range []struct {
		texts []string
		to    *[]pattern
	}{{include, &f.include}, {exclude, &f.exclude}} {
		for _, text := range list.texts {
			p, err := parse(text)
			if err != nil {
				return Filter{}, err
			}
			*list.to = append(*list.to, p)
		}
	}
	return f, nil
}

func parse(text string) (pattern, error) {
	rest, negated := strings.CutPrefix(text, "!")
	rest, dirOnly := strings.CutSuffix(rest, "/")
	anchored := strings.Contains(rest, "/")
	rest = strings.TrimPrefix(rest, "/")
	if rest == "" {
		return pattern{}, fmt.Errorf("pattern %q matches nothing", text)
	}
	if !anchored {
		rest = "**/" + rest
	}
	// For the library a/** is also a itself, for .gitignore only what is below.
	if strings.HasSuffix(rest, "/**") {
		rest += "/*"
	}
	if !doublestar.ValidatePattern(rest) {
		return pattern{}, fmt.Errorf("pattern %q is malformed", text)
	}
	return pattern{glob: rest, dirOnly: dirOnly, negated: negated}, nil
}

// matches reports whether the last pattern of a list that matches is not negated.
func matches(list []pattern, path string, isDir bool) bool {
	for i := len(list) - 1; i >= 0; i-- {
		p := &list[i]
		if p.dirOnly && !isDir {
			continue
		}
		if doublestar.MatchUnvalidated(p.glob, path) {
			return !p.negated
		}
	}
	return false
}

// Directory is a Filter at one directory that is taken.
type Directory struct {
	filter   *Filter
	path     string
	included bool // the directory or one above it matches the Include list
}

// At returns the filter for the entries of the directory at a path below the
// root, "" for the root itself.
func (f *Filter) At(dir string) Directory {
	d := Directory{filter: f, path: dir, included: len(f.include) == 0}
	for up := dir; up != "" && !d.included; up = parent(up) {
		d.included = matches(f.include, up, true)
	}
	return d
}

func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)]
}

// Takes reports whether an entry of the directory is to be taken.
func (d Directory) Takes(name string, isDir bool) bool {
	f := d.filter
	if len(f.include)+len(f.exclude) == 0 {
		return true
	}
	p := path.Join(d.path, name)
	if matches(f.exclude, p, isDir) {
		return false
	}
	return isDir || d.included || matches(f.include, p, false)
}
