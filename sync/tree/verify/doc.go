// Package verify holds a container to every promise of docs/clfs-format.md.
//
// It works in four steps. The listing of all blobs goes into an index and each
// name is looked at (names.go, bucket.go). The namespace is walked from the root, and
// each inode, directory, block map and segment is checked where it stands
// (inode.go, handle.go, directory.go, contents.go); each blob that is reached
// is marked. Links and back pointers of inodes with several names are compared
// (links.go). What was not marked is an orphan (orphans.go).
//
// What is wrong is a [Finding]. It is either damage, which means that the
// container breaks the format, or a remark: something that loaders and caches
// are known to leave, and that harms nothing. Damage is named by a kind, which is
// a [tree.Kind].
//
// Memory does not depend on the size of the container, but for one bit a blob:
// whatever else must be remembered is in temporary databases.
package verify
