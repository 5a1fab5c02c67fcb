package main

import (
	"log/slog"

	"clfsload/sync/deepdir"
	"clfsload/sync/openfiles"
)

// If a process reaches its limit of open files, it fails in the middle of its work. So each command
// divides the limit before it begins: first files that are always open, then requests to the
// container, then other files.

const (
	// ownFiles are the files that every command has open, with a reserve for short-lived ones:
	// journal, logs, sockets, files of the Go runtime.
	ownFiles = 24
	// ownMountFiles are the additional files of a writable mount.
	ownMountFiles = 6
)

// Files for one request.
const (
	requestFiles = 2 // a connection, and a second one that began before the first was free
	loadFiles    = 3 // and the file that is read
	readFiles    = 4 // and the file that is written, and its directory
	cacheFiles   = 1 // of the cache, which a request reads or fills
	scanFiles    = 2 // of one directory that is listed
)

// fitConcurrency lowers --concurrency to the value that the number of files allows.
func fitConcurrency(concurrency *int, files, each int, log *slog.Logger) {
	most := max(files/each, 1)
	if *concurrency > most {
		log.Info("the limit of open files reduces the number of requests in flight", "limit", openfiles.Limit(), "concurrency", most)
		*concurrency = most
	}
}

// fitOpenFiles keeps a load below the limit of open files.
func (f *loadFlags) fitOpenFiles(log *slog.Logger) error {
	spare, err := openfiles.Spare(ownFiles + deepdir.Kept)
	if err != nil {
		return err
	}
	f.scanWorkers = min(scanWorkers, max(spare/8, 1))
	each := scanFiles
	if f.into.Checksum {
		each++ // a file that is compared
	}
	fitConcurrency(&f.concurrency, spare-f.scanWorkers*each, loadFiles, log)
	return nil
}

// fitOpenFiles keeps a writable mount below the limit of open files.
func (f *mountFlags) fitOpenFiles(log *slog.Logger) error {
	spare, err := openfiles.Spare(ownFiles + ownMountFiles)
	if err != nil {
		return err
	}
	each := requestFiles
	if f.cache.Size > 0 {
		each += cacheFiles
	}
	fitConcurrency(&f.concurrency, spare/2, each, log)
	f.openStaged = spare - f.concurrency*each
	return nil
}

// fitOpenFiles keeps a command that reads a container below the limit of open files.
func (f *readFlags) fitOpenFiles() error {
	spare, err := openfiles.Spare(ownFiles + deepdir.Kept)
	if err == nil {
		fitConcurrency(&f.concurrency, spare, readFiles, slog.New(slog.DiscardHandler))
	}
	return err
}
