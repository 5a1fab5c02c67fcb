// Package backing has what both kinds of mount need to know of the container behind them: which
// of its blobs a cache may keep ([OpenCache], [IsImmutable]), where it may be ([CheckSite]), and
// what a system call fails with if it fails ([Errno], [IsMissing]).
package backing
