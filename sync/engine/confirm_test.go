package engine

import (
	"errors"
	"testing"

	"clfsload/state"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/bucket"
)

func TestARootThatIsNotInTheContainerAnyMoreIsNotConfirmed(t *testing.T) {
	m := newMount(t, mem.New())
	m.write("file", 10, 1)
	m.mustPublish()
	m.check(m.engine.Confirm(t.Context()))
	m.write("file-2", 10, 2)
	m.mustPublish()
	m.check(m.engine.Confirm(t.Context()))
	m.check(m.c.Delete(t.Context(), rootOf(m).PutName()))
	if err := m.engine.Confirm(t.Context()); !errors.Is(err, bucket.ErrGone) {
		t.Errorf("without the root: %v", err)
	}
	m.check(m.c.Delete(t.Context(), bucket.Name))
	if err := m.engine.Confirm(t.Context()); !errors.Is(err, bucket.ErrForeign) {
		t.Errorf("without the bucket object: %v", err)
	}
}

func rootOf(m *mount) *state.Node {
	n := m.lookup("/")
	return &n
}
