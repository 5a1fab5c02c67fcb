package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"clfsload/state"
)

// intoFlags are about a load into a container that is there.
type intoFlags struct {
	path                               string // in the container, from "/"; "": the load begins with an empty one
	update, delete                     bool
	checksum, sizeOnly, ignoreExisting bool
	detached                           bool
}

func (f *intoFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.path, "into", "", "load into the container that is there: SOURCE becomes its directory `PATH`, from \"/\"")
	fl.BoolVar(&f.update, "update", false, "with --into: replace entries that differ from SOURCE in type, size, times, mode, owner or link target")
	fl.BoolVar(&f.delete, "delete", false, "with --into: remove entries below PATH that SOURCE does not have, except entries that the filter leaves out")
	fl.BoolVar(&f.checksum, "checksum", false, "with --into: compare the contents of files of the same size, whatever their times")
	fl.BoolVar(&f.sizeOnly, "size-only", false, "with --into: files of the same size have the same contents, whatever their times")
	fl.BoolVar(&f.ignoreExisting, "ignore-existing", false, "with --into: do not change or read entries that exist in the container")
	fl.BoolVar(&f.detached, "detached", false, "with --into: accept a container that has signs of a cache: no cache is attached to it")
}

// check refuses flags that do not go together, and brings the path into the form that the journal has.
func (f *intoFlags) check() error {
	if f.path == "" {
		if f.update || f.delete || f.checksum || f.sizeOnly || f.ignoreExisting || f.detached {
			return errors.New("--update, --delete, --checksum, --size-only, --ignore-existing and --detached go with --into")
		}
		return nil
	}
	var names []string
	for _, name := range strings.Split(f.path, "/") {
		switch {
		case name == "" || name == ".":
			continue
		case name == ".." || len(name) > maxNameBytes:
			return fmt.Errorf("--into %s: %q cannot be the name of a directory", f.path, name)
		}
		names = append(names, name)
	}
	if !strings.HasPrefix(f.path, "/") {
		return fmt.Errorf("--into %s: it must be a path in the container from its root, such as /%s", f.path, f.path)
	}
	f.path = "/" + strings.Join(names, "/")
	compared := 0
	for _, given := range []bool{f.checksum, f.sizeOnly, f.ignoreExisting} {
		if given {
			compared++
		}
	}
	if compared > 1 {
		return errors.New("--checksum, --size-only and --ignore-existing exclude each other")
	}
	return nil
}

// maxNameBytes is how long a name is at most.
const maxNameBytes = 255

// merge is what the journal is to know of the flags.
func (f *intoFlags) merge() state.Merge {
	m := state.Merge{Into: f.path, Update: f.update, Delete: f.delete}
	switch {
	case f.checksum:
		m.Compare = state.CompareContents
	case f.sizeOnly:
		m.Compare = state.CompareSizes
	case f.ignoreExisting:
		m.Compare = state.CompareNames
	}
	return m
}
