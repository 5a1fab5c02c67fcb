// Package scan turns a POSIX tree into rows of the journal, and opens its files for the engine.
//
// A Tree is the root directory, held open. Every path below it is resolved from there, without
// following a symbolic link; a long path is resolved from a directory near its end that is kept
// open for a while (deepdir). So the file that is read is the listed one, despite renames. A
// Scanner lists directories in parallel. Its queue is the journal itself: a directory is unscanned
// until all its entries are committed. So a killed scan resumes with the remaining directories, and
// its memory does not grow with the tree.
//
// Hazard: an entry that is removed between readdir and lstat does not exist for the journal. An
// entry that is removed later is a failed entry.
package scan
