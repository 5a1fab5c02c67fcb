// Package blob says what clfsload needs of a place that holds a container's blobs.
//
// A Container is a flat set of named blobs, each a few bytes up to some 8 MiB,
// written whole and read whole or in part. There are three of them:
//
//   - blob/azure: a container of Azure Blob Storage, or of anything that speaks its protocol
//   - blob/dir: a directory with one file a blob
//   - blob/mem: a map, for tests
//
// blob/blobtest holds the conformance suite that all of them pass, blob/faulty a
// wrapper that makes a container fail on demand.
//
// # Errors
//
// Whatever goes wrong is reported as one of the Err values below, wrapped with
// what was being done; ask with errors.Is. ErrThrottled and ErrTransient mean
// that the same call may succeed later, and all calls of a Container may be
// repeated safely. ErrChecksum means that the bytes were damaged on their way
// and nothing was stored. The others need somebody to act first. When the
// caller's own context ends, the error wraps that context's error and none of
// the Err values. No error text holds a key, a signature or a token.
package blob
