package blobserver

import (
	"fmt"
	"time"
)

// Blobs returns what a container holds now, by name. The bytes are not to be changed.
func (s *Server) Blobs(container string) map[string][]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	blobs := map[string][]byte{}
	if c := s.containers[container]; c != nil {
		for name, b := range c.blobs {
			blobs[name] = b.bytes()
		}
	}
	return blobs
}

// Seed puts a blob into a container, in place of many requests. The blob has no MD5.
func (s *Server) Seed(container, name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.containers[container]
	s.etag++
	c.sorted = nil
	c.blobs[name] = &stored{data: data, size: len(data), modified: time.Now().UTC(), etag: fmt.Sprintf(`"0x%016X"`, s.etag)}
}
