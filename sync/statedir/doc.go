// Package statedir knows what is in a STATE beside the journal, its log among it, where that of a mount is, and who may
// read it.
package statedir
