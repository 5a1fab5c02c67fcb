// Package readonly shows a CLFS container as a file system, through FUSE.
//
// # Vocabulary
//
// A [Container] is what is shown; the package does not know where the objects
// come from. An inode is known to the kernel by the number that
// [InodeNumber] derives from its id, so that numbers are the same at every
// mount and all names of a file have one. A listing is the lookup table of a
// directory: a few bytes for each entry that say in which segment the entry
// lies. A chunk is a stretch of a file's contents as one segment holds it.
//
// # How a request is answered
//
// Inodes, listings, directory segments and chunks are kept in four caches of
// bounded size. Each makes sure that what several readers ask for at the same
// time is fetched once, by a goroutine that belongs to the mount, so that a
// reader that is killed takes nothing from the others.
//
// What comes next is fetched ahead. A lookup makes the directory fetch the
// inodes of the entries behind it, because whoever looks at one entry will
// look at the next; when a walk goes down, subdirectories have the inodes of their
// first entries fetched as well; files that are opened in the order of their directory have
// their first segments fetched before they are opened; a file that is read in
// order has its next segments fetched.
//
// The contents of a container do not change, so the kernel may keep names,
// attributes and pages for as long as it likes. With [Options].Follow they do, when
// somebody publishes: see rounds for how long what was read is shown, and follow.go for
// what is missing because it was replaced. All caches but that of inodes are keyed by the version of
// the inode that their entries belong to.
//
// READDIRPLUS is off. Lookups are cheap here once the read-ahead runs, and with
// it every listing, also one that wants nothing but names, would read inodes.
//
// # Hazards
//
// A process must never use a mount that it serves: it would wait for itself.
//
// Names are bytes that the container's writer chose. Those that no file can
// have are passed over and logged. Containers can describe directories that
// contain themselves; the lookup that would close such a loop fails. While a publication may
// be under way that is no damage: such an entry is not listed, and its lookup finds nothing.
package readonly
