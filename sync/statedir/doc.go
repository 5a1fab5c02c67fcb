// Package statedir knows the files in a STATE beside the journal, such as its log; the place of a
// mount's STATE; and who may read it.
package statedir
