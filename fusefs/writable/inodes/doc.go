// Package inodes has what a mount remembers of inodes, so that the journal is asked less often: a
// [Cache] of the nodes that were looked at last, the [Names] that new directories ever had, and
// [Set]s of inodes.
//
// # Hazards
//
// Nothing here is the truth. Whoever changes a node in the journal tells the cache afterwards, and a
// name is told before the journal gets it. The engine changes state and generations of nodes without a
// word, so those of the cache can be old.
package inodes
