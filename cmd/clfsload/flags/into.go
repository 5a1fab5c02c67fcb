package flags

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"clfsload/state"
)

// Into are the flags of a load into an existing container.
type Into struct {
	Path                               string // in the container, from "/"; "": the load begins with an empty one
	update, delete                     bool
	Checksum, sizeOnly, ignoreExisting bool
	Detached                           bool
}

func (f *Into) Register(fl *pflag.FlagSet) {
	fl.StringVar(&f.Path, "into", "", "load into an existing container: SOURCE becomes its directory `PATH`, from \"/\"")
	fl.BoolVar(&f.update, "update", false, "with --into: replace entries that differ from SOURCE in type, size, times, mode, owner or link target")
	fl.BoolVar(&f.delete, "delete", false, "with --into: remove entries below PATH that SOURCE does not have, except entries excluded by the filter")
	fl.BoolVar(&f.Checksum, "checksum", false, "with --into: compare the contents of files of the same size, whatever their times")
	fl.BoolVar(&f.sizeOnly, "size-only", false, "with --into: files of the same size have the same contents, whatever their times")
	fl.BoolVar(&f.ignoreExisting, "ignore-existing", false, "with --into: do not change or read entries that exist in the container")
	fl.BoolVar(&f.Detached, "detached", false, "with --into: accept a container that has signs of a cache: you confirm that no cache is attached to it")
}

// Check refuses flags that exclude each other, and normalizes the path as the journal stores it.
func (f *Into) Check() error {
	if f.Path == "" {
		if f.update || f.delete || f.Checksum || f.sizeOnly || f.ignoreExisting || f.Detached {
			return errors.New("--update, --delete, --checksum, --size-only, --ignore-existing and --detached need --into")
		}
		return nil
	}
	var names []string
	for _, name := range strings.Split(f.Path, "/") {
		switch {
		case name == "" || name == ".":
			continue
		case name == ".." || len(name) > maxNameBytes:
			return fmt.Errorf("--into %s: %q cannot be the name of a directory", f.Path, name)
		}
		names = append(names, name)
	}
	if !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("--into %s: it must be a path in the container from its root, such as /%s", f.Path, f.Path)
	}
	f.Path = "/" + strings.Join(names, "/")
	compared := 0
	for _, given := range []bool{f.Checksum, f.sizeOnly, f.ignoreExisting} {
		if given {
			compared++
		}
	}
	if compared > 1 {
		return errors.New("--checksum, --size-only and --ignore-existing exclude each other")
	}
	return nil
}

// maxNameBytes is the maximum length of a name.
const maxNameBytes = 255

// Merge returns the values of the flags that the journal stores.
func (f *Into) Merge() state.Merge {
	m := state.Merge{Into: f.Path, Update: f.update, Delete: f.delete}
	switch {
	case f.Checksum:
		m.Compare = state.CompareContents
	case f.sizeOnly:
		m.Compare = state.CompareSizes
	case f.ignoreExisting:
		m.Compare = state.CompareNames
	}
	return m
}
