package daemon

import (
	"io"
	"log/slog"
	"time"

	"clfsload/clfs/compression"
	"clfsload/sync/target"
)

// Options are what a mount that takes writes is to do, and with what.
type Options struct {
	Point  string // as fusefs.PreparePoint returns it
	State  string // STATE as named; "": that of the mount point
	Target string // TARGET as named; "": that of STATE, in a new one the container in it

	Sources  target.Sources
	Patience target.Patience

	CreateContainer bool
	Compression     compression.Method
	Given           func(flag string) bool
	Detached        bool // no cache is attached to the container, whatever it shows
	TakeOver        bool // adopt the container anew if STATE does not fit it

	Concurrency int // requests in flight
	Memory      int64
	OpenStaged  int   // staging files that are open at a time
	Bandwidth   int64 // bytes a second; 0: no limit
	CacheSize   int64 // 0: no cache

	AllowOther      bool
	Settle          time.Duration
	PublishInterval time.Duration // 0: never by itself
	StopTimeout     time.Duration
	StagingLimit    int64 // 0: a share of the free space
	MaxFileSize     int64

	IncludeIncomplete bool
	LeaveIncomplete   bool

	MetricsAddress string // "": none
	Version        string // of this program
	Log            *slog.Logger
	File           *slog.Logger // for what only the log file is to have
	LogTo          func(io.Writer)
	Serves         func(errors string) error // called once when the mount serves; errors: a file in STATE for messages of the runtime
	Stops          func()                    // called when it begins to end by itself
}
