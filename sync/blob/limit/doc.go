// Package limit holds back what is put into a container to a rate that can be
// changed while it is in use.
//
// Puts take turns: one blob after the other waits for its bytes, in slices small
// enough that a new rate is felt within a quarter of a second. Gets, lists and
// deletes are not held back.
package limit
