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

// Takes reports whether an entry of the directory passes the filter.
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
