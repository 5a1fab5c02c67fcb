package object

import "path"

// containerEpoch is the version of new containers.
const containerEpoch = "2"

// RootName is the NAME of the root directory of a container that holds the tree at an absolute
// path (docs/clfs-format.md section 3).
func RootName(source string) string {
	if source == "/" {
		return ""
	}
	return path.Base(source)
}

// RootExtAttrs are the extended attributes of a new container's root
// directory. Both UUIDs are random, lower case with hyphens.
func RootExtAttrs(massUUID, wipeUUID string) []ExtAttr {
	return []ExtAttr{
		{"containeridEpoch", containerEpoch},
		{"massUUID", massUUID},
		{"wipeEpoch", wipeUUID},
	}
}
