package faulty_test

import (
	"context"
	"errors"
	"testing"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
)

func TestConformanceWithoutFaults(t *testing.T) {
	blobtest.TestContainer(t, func(*testing.T) blob.Container { return faulty.New(mem.New()) })
}

func TestFaultsAreMetInOrder(t *testing.T) {
	inner := mem.New()
	c := faulty.New(inner)
	c.On(faulty.Put,
		faulty.Fault{Err: blob.ErrThrottled},
		faulty.Fault{Err: blob.ErrTransient, After: true, Prefix: "b", Skip: 1})
	tests := []struct {
		name   string
		want   error
		stored int
	}{
		{"a", blob.ErrThrottled, 0},
		{"a", nil, 1},
		{"b1", nil, 2},
		{"c", nil, 3},
		{"b2", blob.ErrTransient, 4},
		{"b3", nil, 5},
	}
	for _, tt := range tests {
		if err := c.Put(t.Context(), tt.name, nil); !errors.Is(err, tt.want) {
			t.Errorf("Put(%s): %v, want %v", tt.name, err, tt.want)
		}
		if inner.Len() != tt.stored {
			t.Errorf("%d blobs after Put(%s), want %d", inner.Len(), tt.name, tt.stored)
		}
	}
	if n := c.Calls(faulty.Put); n != len(tests) {
		t.Errorf("%d calls, want %d", n, len(tests))
	}
	c.Check(t)
}

func TestHangEndsWithTheContext(t *testing.T) {
	c := faulty.New(mem.New())
	c.On(faulty.Get, faulty.Fault{Hang: true})
	c.On(faulty.List, faulty.Fault{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "a", 0, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if _, err := c.List(ctx, "", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	c.Check(t)
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheckFailsForAFaultThatWasNotMet(t *testing.T) {
	for _, m := range []faulty.Method{faulty.Put, faulty.Get, faulty.Delete, faulty.List, faulty.Sync} {
		c := faulty.New(mem.New())
		c.On(m, faulty.Fault{Err: blob.ErrNotFound})
		r := &recorder{TB: t}
		if c.Check(r); !r.failed {
			t.Errorf("Check passed with a fault of %s left", m)
		}
	}
}
