// Package staging keeps the contents of files on the local disk until they are
// uploaded, and as long as there is room afterwards.
//
// A file of the mount has one staging file, named after its inode number:
//
//	staging/c4/4c4        inode 0x4c4
//
// The last byte of the number chooses one of 256 directories. A file that never
// had contents has no staging file, and neither has one that was evicted.
//
// Two things of a staging file have a meaning: its size always is the size of the
// file in the mount, and while the file is written its modification time is the
// file's. That is what a mount knows again after a crash. Everywhere else it is
// sparse: holes are zeros, or blocks that are in the container only; the journal
// knows which.
//
// The files of a mount that programs have open may be more than the system lets this process
// open. So the descriptor of a [File] that no call uses may be closed, and is opened again by
// the file's name.
//
// [Store.Usage] is what the staging files take on the disk. It is counted when a
// mount starts, directory by directory while the mount serves already, and kept
// up to date by whoever writes.
package staging
