// Package filter decides by patterns which entries of a tree are taken.
//
// A pattern has the form of a line in a .gitignore file. It is matched against
// the path of an entry below the root of the tree:
//
//   - without a slash, or with one at its end only, it matches the name of an
//     entry at any depth: *.o, core, cache/
//   - with a slash elsewhere it matches from the root on: /scratch, src/*.o
//   - a slash at its end restricts it to directories
//   - * and ? match within one name, [a-z] a class, ** any number of names;
//     {a,b} matches either, which .gitignore does not know
//   - a backslash takes the special meaning from the next character
//   - an exclamation mark in front takes back what earlier patterns of the same
//     list match; the last pattern that matches decides
//
// There are two lists. What an Exclude list matches is left out; of a directory,
// all that is below it. With an Include list only what it matches is taken, and
// what is below a directory that it matches. Directories themselves are taken
// whether it matches them or not, because something below may. Exclude wins.
//
// Names are bytes: a name that is no UTF-8 is matched byte by byte.
package filter
