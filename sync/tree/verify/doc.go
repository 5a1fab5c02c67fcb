// Package verify checks a container against every promise of docs/clfs-format.md.
//
// It works in four steps. The listing of all blobs goes into an index and each name is checked
// (names.go, bucket.go). The namespace is walked from the root, and each inode, directory, block
// map and segment is checked at its place (inode.go, handle.go, directory.go, contents.go); each
// blob that is reached is marked. Links and back pointers of inodes with several names are compared
// (links.go). A blob without a mark is an orphan (orphans.go).
//
// A [Finding] is either damage, which means that the container breaks the format, or a remark: a
// harmless deviation that loaders and caches are known to leave. Damage is named by a kind, which
// is a [tree.Kind].
//
// Memory does not depend on the size of the container, except for one bit a blob: all other records
// of the run are in temporary databases.
package verify
