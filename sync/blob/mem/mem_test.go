package mem_test

import (
	"testing"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/mem"
)

func TestConformance(t *testing.T) {
	blobtest.TestContainer(t, func(*testing.T) blob.Container { return mem.New() })
}

func TestConformanceWithSmallPages(t *testing.T) {
	blobtest.TestPaged(t, 10, func(*testing.T) blob.Container { return mem.NewPaged(10) })
}
