package clfs

import "path"

// RootName is the NAME of the root directory of a container that holds the tree at an absolute
// path (docs/clfs-format.md section 3).
func RootName(source string) string {
	if source == "/" {
		return ""
	}
	return path.Base(source)
}
