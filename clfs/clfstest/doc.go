// Package clfstest has what the tests of clfs and the packages below it share: the blobs
// of the golden containers, the vectors that CLFSLoad computed, seeds for fuzz targets,
// and a few objects to encode.
//
// Unlike the format itself it reads files. Only tests may import it.
package clfstest
