package progress

import (
	"context"
	"sync"
)

// A Display shows the samples of look until ctx ends, and adds them to the meter.
type Display func(ctx context.Context, m *Meter, look func() Sample)

// During shows progress until stop is called. stop returns when the display is removed.
func (d Display) During(ctx context.Context, m *Meter, look func() Sample) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var shown sync.WaitGroup
	shown.Go(func() { d(ctx, m, look) })
	return func() {
		cancel()
		shown.Wait()
	}
}
