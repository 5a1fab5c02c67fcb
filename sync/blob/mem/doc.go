// Package mem keeps a container in memory, for tests. It holds the guarantees of
// blob.Container to the letter, so that what works on it does not rest on chance.
package mem
