package lease_test

import (
	"context"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/lease"
	"clfsload/sync/blob/mem"
	"clfsload/sync/blob/retry"
)

// nothing puts nothing, at once.
type nothing struct{ *mem.Container }

func (nothing) Put(context.Context, string, []byte) error { return nil }

// BenchmarkPut is what both wrappers cost a Put of a load that nothing disturbs.
func BenchmarkPut(b *testing.B) {
	inner := nothing{mem.New()}
	if err := inner.Container.Put(b.Context(), bucket, nil); err != nil {
		b.Fatal(err)
	}
	held := lease.New(inner)
	if err := held.Acquire(b.Context(), bucket, blob.LeaseRequest{ID: "one"}); err != nil {
		b.Fatal(err)
	}
	var c blob.Container = retry.New(held, retry.Options{InFlight: 128, For: time.Hour}, retry.Events{})
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Put(b.Context(), "name", nil); err != nil {
			b.Fatal(err)
		}
	}
}
