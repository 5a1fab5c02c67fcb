package load

import (
	"io"
	"log/slog"

	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/scan/filter"
	"clfsload/sync/target"
)

// Options are what a load is to do, and with what.
type Options struct {
	StateDir, Source string // as site.New finds them
	Target           target.Spec
	Sources          target.Sources
	Patience         target.Patience

	IsNew             bool // begin a new transfer
	CreateContainer   bool
	Compression       compression.Method
	PreserveHardlinks bool
	DirMgrCount       int
	Include, Exclude  []string // as given
	Filter            filter.Filter
	Merge             state.Merge // Into "": the load begins with an empty container
	Detached          bool        // no cache is attached to the container, whatever it shows
	Given             func(flag string) bool

	Concurrency int // files and requests in flight
	ScanWorkers int // directories that are listed at a time
	Memory      int64
	Bandwidth   int64 // bytes a second; 0: no limit

	MaxErrors         int // 0: no limit
	RetryErrors       bool
	PublishIncomplete bool
	UploadLog         bool // the log becomes a part of the container

	ExpectedObjects, ExpectedBytes int64 // that a dry run has found; 0: not known

	MetricsAddress string // "": none
	Version        string // of this program
	Log            *slog.Logger
	File           *slog.Logger    // for what only the log in STATE is to have
	LogTo          func(io.Writer) // sends what is logged to the log in STATE as well; nil: no longer
}
