// Package claim decides who may work on which inode, and when.
//
// Its nouns: a claim gives one job all of an inode, or one block of a file that is still being
// written. The gate keeps puts of inodes apart from decisions about all inodes: it is closed
// while a publication begins and while garbage is chosen. An inode whose upload has failed rests
// before it is tried again.
//
// Hazards: a row that was read before a claim was released may be older than the outcome of that
// claim. So rows are read between [Set.BeginReading] and [Set.EndReading], and no job is made of
// a row that was released meanwhile. Memory must be acquired before the gate is entered.
package claim
