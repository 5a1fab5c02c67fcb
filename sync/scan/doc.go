// Package scan turns a POSIX tree into rows of the journal, and opens its files
// for the engine.
//
// A Tree is the root directory, held open; every path below it is resolved from
// there, or a long one from a directory near its end that is kept open for a while
// (deepdir), without following a symbolic link, so that what is read is what was
// listed, whatever is renamed meanwhile. A Scanner lists directories in parallel.
// Its queue is the journal itself: a directory is unscanned until all its entries
// are committed, so a scan that was killed goes on with the directories that are
// left, and the memory it takes does not grow with the tree.
//
// Hazard: an entry that is gone between readdir and lstat was never in the tree
// as far as the journal is concerned. What vanishes later is a failed entry.
package scan
