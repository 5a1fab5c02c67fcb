package flags

import (
	"github.com/spf13/pflag"

	"clfsload/sync/scan/filter"
)

// Filter is the pair of flags that select entries of a source.
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

// UploadLog is the flag that decides whether the log is uploaded into the container.
type UploadLog struct{ Disabled bool }

func (f *UploadLog) Register(fl *pflag.FlagSet) {
	fl.BoolVar(&f.Disabled, "no-upload-log", false, "do not upload the log of the transfer into the container")
}
