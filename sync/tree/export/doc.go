// Package export puts a container's tree on a disk.
//
// # Staying inside
//
// The names in a container are whatever its writer chose, and the destination
// may hold whatever somebody put there. So no path is ever handed to the kernel:
// each directory is opened from the one above by a single name that is checked
// first, without following symbolic links, and everything in it is made by a
// single name (folder.go). A name with a slash, "..", or a symbolic link where a
// directory belongs ends in a [Failure], not outside of the destination.
//
// # Never half a file
//
// Everything is made under a temporary name, gets its bytes, owner, mode and
// times, and is then renamed. What is there already with the same type, size and
// mtime is left alone, so that a run that was stopped goes on where it was. What is
// there and differs is replaced only if that is asked for.
//
// # What comes last
//
// Further names of an inode with several are made when all files are there
// (links.go), and the attributes of directories after that, deepest first,
// because making something in a directory changes its mtime (finish.go). Both
// lists wait in a temporary database.
package export
