// Package blobtest checks that a container keeps the promises of blob.Container.
// Every implementation runs TestContainer in its own tests:
//
//	func TestConformance(t *testing.T) {
//		blobtest.TestContainer(t, func(t *testing.T) blob.Container { return mem.New() })
//	}
package blobtest
