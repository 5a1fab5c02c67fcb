// Package rounds tests random changes to a container that is there, by mounts and by loads, with
// kills and power cuts, against a copy that has the same changes.
package rounds
