package tests

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// changed says what became of the blobs of a container.
type changed struct {
	added, gone []string // new names, and names that are not there any more
	rewritten   []string // same name, other bytes
}

func changesOf(before, after map[string][]byte) (c changed) {
	for name, data := range after {
		old, found := before[name]
		switch {
		case !found:
			c.added = append(c.added, name)
		case !bytes.Equal(old, data):
			c.rewritten = append(c.rewritten, name)
		}
	}
	for name := range before {
		if _, found := after[name]; !found {
			c.gone = append(c.gone, name)
		}
	}
	slices.Sort(c.added)
	slices.Sort(c.gone)
	return c
}

func (c changed) String() string {
	return fmt.Sprintf("added:\n  %s\ngone:\n  %s\nrewritten:\n  %s", strings.Join(c.added, "\n  "),
		strings.Join(c.gone, "\n  "), strings.Join(c.rewritten, "\n  "))
}
