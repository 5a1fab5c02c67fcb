// Package inventory lists what a container holds and what a source tree holds
// in the same terms, and compares the two.
//
// OfContainer is a second reader of the format, made for tests alone: it walks
// from the root object over every blob and holds each against what
// docs/clfs-format.md demands, and it shares nothing with the code under test
// but the decoders of package clfs. OfTree lists a directory with lstat.
// Compare says where two listings differ.
package inventory
