// Package warm reads the files below some paths of a mount, so that its cache has them. It lists
// directories while files are read and keeps no list of them.
package warm
