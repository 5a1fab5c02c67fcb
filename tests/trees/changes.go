package trees

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Changed says what became of the blobs of a container.
type Changed struct {
	Added, Gone []string // new names, and names that are not there any more
	Rewritten   []string // same name, other bytes
}

func ChangesOf(before, after map[string][]byte) (c Changed) {
	for name, data := range after {
		old, found := before[name]
		switch {
		case !found:
			c.Added = append(c.Added, name)
		case !bytes.Equal(old, data):
			c.Rewritten = append(c.Rewritten, name)
		}
	}
	for name := range before {
		if _, found := after[name]; !found {
			c.Gone = append(c.Gone, name)
		}
	}
	slices.Sort(c.Added)
	slices.Sort(c.Gone)
	return c
}

func (c Changed) String() string {
	return fmt.Sprintf("added:\n  %s\ngone:\n  %s\nrewritten:\n  %s", strings.Join(c.Added, "\n  "),
		strings.Join(c.Gone, "\n  "), strings.Join(c.Rewritten, "\n  "))
}
