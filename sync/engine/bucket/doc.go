// Package bucket reads and writes the bucket object, which says which journal a container belongs
// to and which publication it holds.
//
// Its nouns: the mark is a record of the bucket object. It names a publication, by number and by
// an id of its own, and the STATE that has made it. An open mark says that blobs may come which no
// publication leads to yet.
//
// Hazards: at every moment the journal knows, durably, all ids that the mark in the container may
// have. So [Object.Mark] writes the journal, then the container, then the journal again. A
// program that writes no marks is found by the version of the root directory only.
package bucket
