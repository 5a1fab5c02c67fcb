// Package adopt tests mounts with a new STATE of a container that is there: of CLFSLoad, of a load or
// of another mount.
package adopt
