// Package flags has the flags that several commands share, and the groups of flags of a load. Each
// group is a type with a method that registers it, and one that refuses wrong values before
// anything is changed. The flags of one command are beside that command.
//
// Its nouns: a size and a rate are numbers of bytes with a unit, such as 96MiB and 200M/s.
package flags
