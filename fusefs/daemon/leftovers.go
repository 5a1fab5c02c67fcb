package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"clfsload/sync/engine"
)

// leftovers are what a container holds and its mount no longer needs. Each count ends
// at 100,000.
type leftovers struct {
	Removed  uint64 `json:"removed_entries"`
	Replaced uint64 `json:"replaced_blobs"`
}

// String is empty if there are none.
func (l leftovers) String() string {
	var parts []string
	if n := l.Removed; n > 0 {
		parts = append(parts, fmt.Sprintf("the blobs of %s removed %s", humanize.Comma(int64(n)), english.PluralWord(int(n), "entry", "entries")))
	}
	if n := l.Replaced; n > 0 {
		parts = append(parts, fmt.Sprintf("%s replaced %s", humanize.Comma(int64(n)), english.PluralWord(int(n), "blob", "blobs")))
	}
	return strings.Join(parts, " and ")
}

// leftoverText names what is left to be deleted; "" if there is nothing.
func (m *Mount) leftoverText() string {
	left, err := m.journal.Leftovers(context.Background())
	if err != nil {
		m.options.Log.Warn("what the container still holds is not known", "error", err)
	}
	return leftovers(left).String()
}

// countLeftovers adds to the error of a publication that could not delete everything how
// much that is.
func (m *Mount) countLeftovers(err error) error {
	if !errors.Is(err, engine.ErrLeftover) {
		return err
	}
	return fmt.Errorf("everything else is done; still in the container: %s: %w", m.leftoverText(), err)
}
