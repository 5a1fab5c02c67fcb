package retry_test

import (
	"context"
	"testing"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/retry"
)

// nothing does nothing, at once.
type nothing struct{ blob.Container }

func (nothing) Put(context.Context, string, []byte) error { return nil }

// BenchmarkPut is what a Put costs that needs no second try.
func BenchmarkPut(b *testing.B) {
	c := retry.New(nothing{}, retry.Options{InFlight: 128, For: time.Hour}, retry.Events{})
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := c.Put(context.Background(), "name", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
