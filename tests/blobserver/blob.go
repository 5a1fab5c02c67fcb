package blobserver

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBlob is the largest blob that is taken, in bytes.
const maxBlob = 256 << 20

func (s *Server) put(w http.ResponseWriter, r *request) {
	if r.Header.Get("x-ms-blob-type") != "BlockBlob" {
		fail(w, http.StatusBadRequest, "InvalidHeaderValue")
		return
	}
	if r.ContentLength < 0 || r.ContentLength > maxBlob {
		fail(w, http.StatusLengthRequired, "MissingContentLengthHeader")
		return
	}
	b := &stored{data: make([]byte, r.ContentLength), size: int(r.ContentLength), modified: time.Now().UTC()}
	if _, err := io.ReadFull(r.Body, b.data); err != nil {
		fail(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	if !s.verify(w, r, b) {
		return
	}
	if s.squeezes {
		b.squeeze()
	}
	if !s.store(w, r, b) {
		return
	}
	s.stats.in.Add(r.ContentLength)
	h := w.Header()
	h.Set("ETag", b.etag)
	h.Set("Last-Modified", b.modified.Format(http.TimeFormat))
	if b.md5 != nil {
		h.Set("Content-MD5", base64.StdEncoding.EncodeToString(b.md5))
	}
	w.WriteHeader(http.StatusCreated)
}

// verify computes the blob's MD5 and compares it with those in the request.
func (s *Server) verify(w http.ResponseWriter, r *request, b *stored) bool {
	if s.noVerify {
		return true
	}
	sum := md5.Sum(b.data)
	b.md5 = sum[:]
	for _, name := range []string{"Content-MD5", "x-ms-blob-content-md5"} {
		text := r.Header.Get(name)
		if text == "" {
			continue
		}
		sent, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sent) != md5.Size {
			fail(w, http.StatusBadRequest, "InvalidMd5")
			return false
		}
		if !bytes.Equal(sent, b.md5) {
			fail(w, http.StatusBadRequest, "Md5Mismatch")
			return false
		}
	}
	return true
}

func (s *Server) store(w http.ResponseWriter, r *request, b *stored) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(w, r)
	if c == nil {
		return false
	}
	old := c.blobs[r.blob]
	if !conditions(w, r, old) || !old.mayWrite(w, r, time.Now()) {
		return false
	}
	if old != nil {
		b.lease = old.lease
	} else {
		c.sorted = nil
	}
	s.etag++
	b.etag = fmt.Sprintf(`"0x%016X"`, s.etag)
	c.blobs[r.blob] = b
	return true
}

// conditions checks If-Match and If-None-Match; old is nil where there is no blob.
func conditions(w http.ResponseWriter, r *request, old *stored) bool {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match != "" && (old == nil || match != "*" && match != old.etag):
		fail(w, http.StatusPreconditionFailed, "ConditionNotMet")
	case none == "*" && old != nil:
		fail(w, http.StatusConflict, "BlobAlreadyExists")
	case none != "" && old != nil && none == old.etag:
		fail(w, http.StatusPreconditionFailed, "ConditionNotMet")
	default:
		return true
	}
	return false
}

func (s *Server) delete(w http.ResponseWriter, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, b := s.findBlob(w, r)
	if b == nil || !conditions(w, r, b) || !b.mayWrite(w, r, time.Now()) {
		return
	}
	delete(c.blobs, r.blob)
	c.sorted = nil
	w.WriteHeader(http.StatusAccepted)
}

// findBlob returns the blob that r names, or answers that there is none.
func (s *Server) findBlob(w http.ResponseWriter, r *request) (*container, *stored) {
	c := s.find(w, r)
	if c == nil {
		return nil, nil
	}
	b := c.blobs[r.blob]
	if b == nil {
		fail(w, http.StatusNotFound, "BlobNotFound")
	}
	return c, b
}

// get answers Get Blob and, without data, Get Blob Properties.
func (s *Server) get(w http.ResponseWriter, r *request) {
	s.mu.RLock()
	_, b := s.findBlob(w, r)
	if b == nil {
		s.mu.RUnlock()
		return
	}
	status, state := b.lease.words(time.Now())
	s.mu.RUnlock()
	if !conditions(w, r, b) {
		return
	}
	h := w.Header()
	h.Set("ETag", b.etag)
	h.Set("Last-Modified", b.modified.Format(http.TimeFormat))
	h.Set("x-ms-blob-type", "BlockBlob")
	h.Set("x-ms-lease-status", status)
	h.Set("x-ms-lease-state", state)
	h.Set("Content-Type", "application/octet-stream")
	if part := s.part(w, r, b); part != nil && r.Method == http.MethodGet {
		s.stats.out.Add(int64(len(part)))
		s.send(r.Context(), w, part)
	}
}

// slice is how much is sent at a time.
const slice = 256 << 10

// send sends data as fast as the link allows.
func (s *Server) send(ctx context.Context, w io.Writer, data []byte) {
	for len(data) > 0 {
		n := min(len(data), slice)
		if s.link.WaitN(ctx, n) != nil {
			return
		}
		if _, err := w.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
	}
}

// part writes the headers that tell which part of the blob is sent, and returns it,
// nil if the request was refused.
func (s *Server) part(w http.ResponseWriter, r *request, b *stored) []byte {
	h := w.Header()
	sum := base64.StdEncoding.EncodeToString(b.md5)
	text := r.Header.Get("x-ms-range")
	if text == "" {
		text = r.Header.Get("Range")
	}
	if text == "" {
		h.Set("Content-Length", strconv.Itoa(b.size))
		if sum != "" {
			h.Set("Content-MD5", sum)
		}
		w.WriteHeader(http.StatusOK)
		return b.bytes()
	}
	from, to, ok := parseRange(text, b.size)
	if !ok {
		fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(to-from))
	h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, b.size))
	if sum != "" {
		h.Set("x-ms-blob-content-md5", sum)
	}
	w.WriteHeader(http.StatusPartialContent)
	return b.bytes()[from:to]
}

// parseRange reads "bytes=FROM-" and "bytes=FROM-LAST" for a blob of size bytes.
func parseRange(text string, size int) (from, to int, ok bool) {
	text, isBytes := strings.CutPrefix(text, "bytes=")
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	if !isBytes || !isRange || err != nil || from < 0 || from >= size {
		return 0, 0, false
	}
	if last == "" {
		return from, size, true
	}
	end, err := strconv.Atoi(last)
	if err != nil || end < from {
		return 0, 0, false
	}
	return from, min(end, size-1) + 1, true
}
