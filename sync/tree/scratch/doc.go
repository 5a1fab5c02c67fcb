// Package scratch keeps what a run over a whole container must remember, but
// cannot keep in memory: a SQLite file without a name.
//
// The file is unlinked as soon as it is open, so that nothing is left of it
// however the process ends. Everything happens in one transaction that is
// never committed: SQLite keeps its page cache and spills to the file what
// does not fit, which is all that is wanted here. A DB serves one query at a
// time and may be used by many goroutines.
package scratch
