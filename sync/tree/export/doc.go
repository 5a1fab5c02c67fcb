// Package export puts a container's tree on a disk.
//
// # Staying inside
//
// The names in a container are chosen by its writer, and other users may put anything into the
// destination. So no path is ever passed to the kernel: each directory is opened from its parent by
// a single checked name, without following symbolic links, and everything in it is made by a single
// name (folder.go). A name with a slash, "..", or a symbolic link in place of a directory ends in a
// [Failure], not outside of the destination.
//
// # Never half a file
//
// Everything is made in a directory that only the exporting user can enter (tempdir.go): it gets
// its bytes, owner, times and mode through its descriptor (draft.go, attributes.go), and then its
// name. An existing file with the attributes that an export gives, the same type, size and mtime is
// not written again, so that a stopped run resumes quickly. An existing file that differs is
// replaced only on request.
//
// # Other users
//
// The owner of a directory of the destination can rename, remove and replace everything in it at
// any moment. So no attributes are set by name, and a directory or a first name that is opened
// again must be the one that the export made or found there (status.go, finish.go). A path of more
// than 64 names is opened from a directory near its end that was checked and is kept open
// ([deepdir.Opener]). If a user moves that one or one of its parents, up to 1,024 more paths lead
// to it: to the export's own directories, not to others. Links and attributes start with no kept
// directory. Until the end, a new directory is closed to all other users, and an existing one gives
// nobody more permissions than it will in the end (attributes.go).
//
// # Last steps
//
// Further names of an inode with several are made when all files exist (links.go), and the
// attributes of directories after that, deepest first, because a new entry in a directory changes
// its mtime (finish.go). Both lists wait in a temporary database.
package export
