// Package into tests loads into a container that has a tree, against what rsync makes of a copy.
package into
