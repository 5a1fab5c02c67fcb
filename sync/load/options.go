package load

import (
	"io"
	"log/slog"

	"clfsload/clfs/compression"
	"clfsload/state"
	"clfsload/sync/scan/filter"
	"clfsload/sync/target"
)

// Options are the settings of a load.
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
	Detached          bool        // no cache is attached to the container, despite signs of one
	Given             func(flag string) bool

	Concurrency int // files and requests in flight
	ScanWorkers int // directories listed in parallel
	Memory      int64
	Bandwidth   int64 // bytes a second; 0: no limit

	MaxErrors         int // 0: no limit
	RetryErrors       bool
	PublishIncomplete bool
	UploadLog         bool // the log is uploaded into the container

	ExpectedObjects, ExpectedBytes int64 // that a dry run has found; 0: not known

	MetricsAddress string // "": none
	Version        string // of this program
	Log            *slog.Logger
	File           *slog.Logger    // for lines of the log in STATE only
	LogTo          func(io.Writer) // copies log lines to the log in STATE; nil: no longer
}
