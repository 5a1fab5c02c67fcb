// Package fetch brings what a mount shows from the container: each thing once
// for all who want it at the same time, ahead of those who will want it soon,
// and for a caller only as long as it lives.
//
// A [Cache] keeps what was fetched last, up to a number of bytes. A fetch belongs
// to the mount and not to the reader that began it, so that a reader that is
// killed takes nothing from the others. [fusefs.Await] is how a reader waits. A
// [Sequence] knows how far ahead of a reader to fetch.
package fetch
