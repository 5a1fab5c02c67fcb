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
// Everything is made in a directory that only the exporting user can enter
// (tempdir.go): it gets its bytes, owner, times and mode through its descriptor
// (draft.go, attributes.go), and then its name. What is there already with the attributes that an
// export gives, the same type, size and mtime is left alone, so that a run that was stopped goes on
// where it was. What is there and differs is replaced only if that is asked for.
//
// # Other users
//
// Whoever owns a directory of the destination can rename, remove and replace everything in
// it at any moment. So nothing gets attributes by its name, and a directory or a first name
// that is opened again must be what the export made or found there (status.go, finish.go).
// A path of more than 64 names is opened from a directory near its end that was checked and is kept open
// ([deepdir.Opener]). If a user moves that one or one above it, up to 1,024 more paths lead to it: to the
// export's own directories, not to others. Links and attributes start with nothing kept.
// Until the end, a new directory is closed to everybody else, and one that was there
// gives nobody more than it will (attributes.go).
//
// # What comes last
//
// Further names of an inode with several are made when all files are there
// (links.go), and the attributes of directories after that, deepest first,
// because making something in a directory changes its mtime (finish.go). Both
// lists wait in a temporary database.
package export
