package store

import (
	"strings"
	"testing"

	"clfsload/state/schema"
)

// Were paths of deep directories not kept, each would be climbed to the root.
func TestCachedPathsTakeABoundedNumberOfBytes(t *testing.T) {
	c, err := newPathCache()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", cachedPathBytes/8)
	for ino := range schema.Ino(100) {
		c.add(ino, long)
		c.add(ino, long)
	}
	if got := c.bytes.Load(); got > cachedPathBytes || c.Len() != 8 {
		t.Errorf("%d paths of %d bytes", c.Len(), got)
	}
	c.add(1000, strings.Repeat("x", 2*cachedPathBytes))
	if _, ok := c.Get(1000); !ok || c.Len() != 1 {
		t.Errorf("the longest path is not kept alone: %d paths", c.Len())
	}
}
