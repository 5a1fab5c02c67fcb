package flags

import (
	"github.com/spf13/pflag"

	"clfsload/sync/scan/filter"
)

// Filter say which entries of a source are taken.
type Filter struct {
	Include, Exclude []string
}

func (f *Filter) Register(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.Include, "include", nil, "load only entries that match this `pattern`, written as in .gitignore; may be repeated")
	fl.StringArrayVar(&f.Exclude, "exclude", nil, "leave out entries that match this `pattern`, and all entries below them; may be repeated")
}

func (f *Filter) IsEmpty() bool { return len(f.Include)+len(f.Exclude) == 0 }

// Compile refuses patterns that are malformed.
func (f *Filter) Compile() (filter.Filter, error) {
	return filter.New(f.Include, f.Exclude)
}

// UploadLog say whether the log becomes a part of the container.
type UploadLog struct{ Disabled bool }

func (f *UploadLog) Register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.Disabled, "no-upload-log", false, "do not upload the log of the transfer into the container")
}
