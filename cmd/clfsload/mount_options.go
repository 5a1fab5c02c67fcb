package main

import (
	"io"
	"log/slog"
	"time"

	"clfsload/clfs"
	"clfsload/sync/target"
)

// mountOptions are what a mount that takes writes is to do, and with what.
type mountOptions struct {
	point  string // as fusefs.PreparePoint returns it
	state  string // STATE as named; "": that of the mount point
	target string // TARGET as named; "": that of STATE, in a new one the container in it

	sources  target.Sources
	patience target.Patience

	createContainer bool
	compression     clfs.Compression
	given           func(flag string) bool
	detached        bool // no cache is attached to the container, whatever it shows
	takeOver        bool // adopt the container anew if STATE does not fit it

	concurrency int // requests in flight
	memory      int64
	openStaged  int   // staging files that are open at a time
	bandwidth   int64 // bytes a second; 0: no limit
	cacheSize   int64 // 0: no cache

	allowOther      bool
	settle          time.Duration
	publishInterval time.Duration // 0: never by itself
	stopTimeout     time.Duration
	stagingLimit    int64 // 0: a share of the free space
	maxFileSize     int64

	includeIncomplete bool
	leaveIncomplete   bool

	metricsAddress string // "": none
	version        string // of this program
	log            *slog.Logger
	file           *slog.Logger // for what only the log file is to have
	logTo          func(io.Writer)
	serves         func(errors string) error // called once when the mount serves; errors: a file in STATE for messages of the runtime
	stops          func()                    // called when it begins to end by itself
}
