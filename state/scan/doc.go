// Package scan records what a scan of a source tree finds.
//
//   - An Entry is a name that the scan found. AddEntries adds it to a directory that the load has made, MergeEntries to
//     one that was there before, where a Difference decides what becomes of it.
//   - A directory is unscanned while its entries in the source are not all known.
//   - A Failure is why an entry could not be listed or transferred. RetryFailures queues it again, LeaveOut publishes without
//     it, Forget takes its names away.
//   - An Extra is an entry of the namespace that the source does not have.
//   - BeginLoad and BeginMount replace the settings of a journal in which nothing waits.
//
// Hazards: what AddEntries has recorded is durable, since blobs get names by inode numbers.
package scan
