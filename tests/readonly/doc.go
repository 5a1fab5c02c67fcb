// Package readonly tests mounts that take no writes: what they show, their cache, and how they follow
// a container that changes.
package readonly
