package daemon

import (
	"context"
	"errors"
	"fmt"

	"clfsload/sync/engine"
)

// leftoverText names what is left to be deleted; "" if there is nothing.
func (m *mount) leftoverText() string {
	left, err := m.journal.Leftovers(context.Background())
	if err != nil {
		m.options.Log.Warn("what the container still holds is not known", "error", err)
	}
	return Leftovers(left).String()
}

// countLeftovers adds to the error of a publication that could not delete everything how
// much that is.
func (m *mount) countLeftovers(err error) error {
	if !errors.Is(err, engine.ErrLeftover) {
		return err
	}
	return fmt.Errorf("everything else is done; still in the container: %s: %w", m.leftoverText(), err)
}
