package main

import (
	"github.com/spf13/pflag"

	"clfsload/sync/scan/filter"
)

// filterFlags say which entries of a source are taken.
type filterFlags struct {
	include, exclude []string
}

func (f *filterFlags) register(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.include, "include", nil, "take only what matches this `pattern`, written as in .gitignore; may be repeated")
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out what matches this `pattern`; of a directory, all below it too; may be repeated")
}

func (f *filterFlags) isEmpty() bool { return len(f.include)+len(f.exclude) == 0 }

// compile refuses patterns that are malformed.
func (f *filterFlags) compile() (filter.Filter, error) {
	return filter.New(f.include, f.exclude)
}

// uploadLogFlags say whether the log becomes a part of the container.
type uploadLogFlags struct{ disabled bool }

func (f *uploadLogFlags) register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.disabled, "no-upload-log", false, "leave the log of the transfer out of the container")
}
