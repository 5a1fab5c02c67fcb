// Package deepdir opens files deep below a directory in few steps.
//
// A path of up to [Names] names is opened from the root. For a longer path, the package keeps the
// descriptors of up to [Kept] directories, one after each piece of the path. The next path below
// such a directory is opened from there. If most paths follow one another in the tree, downwards or
// upwards, the cost of an open does not grow with the depth.
//
// Hazard: if a kept directory or one of its parents is moved, paths below still lead to it. This
// ends when a name in it is missing, and at the latest after [Renewed] paths.
package deepdir
