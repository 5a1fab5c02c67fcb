// Package scratch holds the data of a run over a whole container that is too large for memory: a
// SQLite file without a name.
//
// The file is unlinked as soon as it is open, so that nothing of it remains, however the process
// ends. All statements run in one transaction that is never committed: SQLite keeps its page cache
// and writes only the excess to the file, which suffices here. A DB serves one query at a time and
// may be used by many goroutines.
package scratch
