package writable

import "time"

// evictInterval is how often it is looked whether room should be made.
const evictInterval = time.Second

// evicting makes room, until the file system is closed.
func (s *FS) evicting() {
	tick := time.NewTicker(evictInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.room.wake:
		case <-tick.C:
		}
		s.room.rounded(true)
	}
}
