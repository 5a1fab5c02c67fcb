// Package lease keeps a container claimed for as long as a process writes to it.
//
// A Container passes requests on to another one. Once it was claimed with Acquire, Keep
// renews the lease in the background, and no Put or Delete goes out unless the lease
// was renewed a short while ago: a process that was cut off, or asleep, for so long
// that somebody else may have claimed the container finds out before it writes.
//
// The blob that is leased stands for the container; what a lease keeps others from is
// said at blob.Leaser.
package lease
