// Package limit limits the rate of puts into a container. The rate can be changed during use.
//
// Puts take turns: one blob after the other waits for its bytes, in slices small enough that a new
// rate takes effect within a quarter of a second. Gets, lists and deletes are not limited.
package limit
