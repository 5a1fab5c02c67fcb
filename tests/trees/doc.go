// Package trees makes the source trees of black-box tests, lists and compares trees, and reads the
// containers that were made from them.
//
// Golden is a tree of every file type, with containers of it that CLFSLoad wrote. MustHold compares a
// listed source with a container; ReadContainer reports what breaks the format.
package trees
