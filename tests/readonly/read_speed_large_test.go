//go:build large

package readonly

import "testing"

// A file of 4 GiB over HTTP with 10 ms latency: through a link of 1 Gbit/s a mount is as fast as a loop
// that does nothing but get the blocks. What the machine can do without that bound is
// logged: there the service and the reader take their part of the processors.
func TestALongFileIsReadInOrderAtTheSpeedOfTheLink(t *testing.T) {
	s := newFileService(t, 4<<30)
	t.Log("without a bound: ", s.measure(t))
	s.limitLink(gigabit)
	speed := s.measure(t)
	t.Log("1 Gbit/s: ", speed)
	if speed.cold < 0.8*speed.bare {
		t.Errorf("%.2f of the bare loop", speed.cold/speed.bare)
	}
}
