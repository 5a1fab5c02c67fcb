package blobserver

// Blobs returns what a container holds now, by name. The bytes are not to be changed.
func (s *Server) Blobs(container string) map[string][]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	blobs := map[string][]byte{}
	if c := s.containers[container]; c != nil {
		for name, b := range c.blobs {
			blobs[name] = b.data
		}
	}
	return blobs
}
