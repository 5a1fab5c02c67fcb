package main

import (
	"log/slog"

	"clfsload/clfs"
	"clfsload/state"
	"clfsload/sync/scan/filter"
	"clfsload/sync/target"
)

// loadOptions are what a load is to do, and with what.
type loadOptions struct {
	stateDir, source string // as site.New finds them
	target           target.Spec
	sources          target.Sources
	patience         target.Patience

	isNew             bool // begin a new transfer
	createContainer   bool
	compression       clfs.Compression
	preserveHardlinks bool
	dirMgrCount       int
	include, exclude  []string // as given
	filter            filter.Filter
	merge             state.Merge // Into "": the load begins with an empty container
	detached          bool        // no cache is attached to the container, whatever it shows
	given             func(flag string) bool

	concurrency int // files and requests in flight
	scanWorkers int // directories that are listed at a time
	memory      int64
	bandwidth   int64 // bytes a second; 0: no limit

	maxErrors         int // 0: no limit
	retryErrors       bool
	publishIncomplete bool
	uploadLog         bool // the log becomes a part of the container

	expectedObjects, expectedBytes int64 // that a dry run has found; 0: not known

	metricsAddress string // "": none
	version        string // of this program
	log            *slog.Logger
	file           *slog.Logger // for what only the log file is to have
}
