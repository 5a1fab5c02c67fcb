package inventory

import (
	"fmt"
	"slices"
	"strings"

	"clfsload/clfs"
)

// Entry is a name in a tree and what it stands for.
type Entry struct {
	Path   string // relative to the root, "." for the root itself
	Type   clfs.Type
	Mode   uint32 // as st_mode, with the bits of the file type
	UID    uint32
	GID    uint32
	Size   uint64 // bytes; 0 for directories, whose size is not the source's
	Mtime  clfs.Time
	Ctime  clfs.Time
	Atime  clfs.Time
	Major  uint32 // of a device
	Minor  uint32
	FileID uint64  // the source's inode number
	ID     clfs.ID // of the object in a container
	Target string  // of a symbolic link
	Hash   uint64  // of a regular file's bytes; comparable within one process
	Group  string  // the first of the paths, in byte order, that are the same object
}

// Tree is a listing by path.
type Tree map[string]Entry

// Scope says what Compare takes into account besides names, types, modes,
// owners, mtimes, sizes, devices, targets and bytes.
type Scope struct {
	HardLinks bool // names of one source inode are one object; otherwise each is its own
	Ctime     bool
	Atime     bool
	FileID    bool
}

// Full is all that a fresh load of an undisturbed tree keeps.
var Full = Scope{HardLinks: true, Ctime: true, Atime: true, FileID: true}

// Compare returns a line for each difference between a source and a container
// made from it, in the order of the paths.
func Compare(source, container Tree, scope Scope) []string {
	var differences []string
	for path, want := range source {
		got, ok := container[path]
		if !ok {
			differences = append(differences, fmt.Sprintf("%q: missing from the container", path))
			continue
		}
		differences = append(differences, compareEntry(want, got, scope)...)
	}
	for path := range container {
		if _, ok := source[path]; !ok {
			differences = append(differences, fmt.Sprintf("%q: not in the source", path))
		}
	}
	slices.Sort(differences)
	return differences
}

func compareEntry(want, got Entry, scope Scope) []string {
	if !scope.HardLinks {
		want.Group = want.Path
	}
	path := want.Path
	var differences []string
	check := func(field string, compared bool, want, got any) {
		if compared && want != got {
			differences = append(differences, fmt.Sprintf("%q: %s: source %v, container %v", path, field, want, got))
		}
	}
	check("type", true, want.Type, got.Type)
	check("mode", true, fmt.Sprintf("%o", want.Mode), fmt.Sprintf("%o", got.Mode))
	check("uid", true, want.UID, got.UID)
	check("gid", true, want.GID, got.GID)
	check("size", true, want.Size, got.Size)
	check("mtime", true, want.Mtime, got.Mtime)
	check("ctime", scope.Ctime, want.Ctime, got.Ctime)
	check("atime", scope.Atime, want.Atime, got.Atime)
	check("device", true, [2]uint32{want.Major, want.Minor}, [2]uint32{got.Major, got.Minor})
	check("inode number", scope.FileID, want.FileID, got.FileID)
	check("link target", true, want.Target, got.Target)
	check("bytes", true, want.Hash, got.Hash)
	check("hard links: first name", true, want.Group, got.Group)
	return differences
}

// setGroups fills Group from the paths of each object.
func (t Tree) setGroups(paths map[string][]string) {
	for _, group := range paths {
		first := slices.Min(group)
		for _, path := range group {
			entry := t[path]
			entry.Group = first
			t[path] = entry
		}
	}
}

// join appends a name to a directory's path.
func join(directory, name string) string {
	if directory == "." {
		return name
	}
	return strings.Join([]string{directory, name}, "/")
}
