package blobserver

import (
	"bytes"
	"compress/flate"
	"io"
)

// Squeeze keeps blobs deflated, for tests of files that are mostly holes. To be called before the
// first request.
func (s *Server) Squeeze() { s.squeezes = true }

// leastSqueezed is the size from which on it is worth it, in bytes.
const leastSqueezed = 4 << 10

// squeeze deflates the data.
func (b *stored) squeeze() {
	if b.size < leastSqueezed {
		return
	}
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(b.data)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil && out.Len() < b.size/2 {
		b.data, b.squeezed = bytes.Clone(out.Bytes()), true
	}
}

// bytes returns the blob's data. It is not to be changed.
func (b *stored) bytes() []byte {
	if !b.squeezed {
		return b.data
	}
	data := make([]byte, b.size)
	_, err := io.ReadFull(flate.NewReader(bytes.NewReader(b.data)), data)
	if err != nil {
		panic(err) // nobody else has had the data
	}
	return data
}
