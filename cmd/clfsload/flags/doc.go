// Package flags has the flags that several commands share, and those of a load that belong together:
// each group is a type with a method that registers it, and one that refuses wrong values before
// anything is changed. Flags of one command are beside that command.
//
// Its nouns: a size and a rate are numbers of bytes with a unit, such as 96MiB and 200M/s.
package flags
