// Package attach hangs a FUSE server into the directory tree and takes it away
// again, for the read-only and the writable mount alike.
package attach
