package mounted

import (
	"fmt"
	"strings"
)

// held is what a process and its state have in use.
type held struct {
	files  map[string]int // what is open, how often
	staged int
}

// Pooled is how many more pipes, sockets and connections to the journal a process may
// keep for the next time, as it once needed them all at once.
const Pooled = 8

// More lists what is held beside before.
func (h held) More(before held) (list []string) {
	for name, n := range h.files {
		if most := before.files[name] + Pooled; n > most || strings.Contains(name, "/staging/") {
			list = append(list, fmt.Sprintf("%s, %d times and not %d", name, n, before.files[name]))
		}
	}
	if h.staged > before.staged {
		list = append(list, fmt.Sprintf("%d staging files, not %d", h.staged, before.staged))
	}
	return list
}
