package blobserver

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPage is how many blobs the service lists at a time.
const maxPage = 5000

// container holds blobs. The server's mutex guards it.
type container struct {
	blobs  map[string]*stored
	sorted []string // the names in byte order, if it is as long as blobs
}

// stored is a blob; but for its lease it does not change.
type stored struct {
	data     []byte // see bytes
	size     int    // bytes
	squeezed bool   // the data is deflated
	md5      []byte
	etag     string
	modified time.Time
	lease    lease
}

func newContainer() *container {
	return &container{blobs: make(map[string]*stored)}
}

// find returns the container that r names, or answers that there is none.
func (s *Server) find(w http.ResponseWriter, r *request) *container {
	c := s.containers[r.container]
	if c == nil {
		fail(w, http.StatusNotFound, "ContainerNotFound")
	}
	return c
}

func (s *Server) createContainer(w http.ResponseWriter, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.containers[r.container] != nil {
		fail(w, http.StatusConflict, "ContainerAlreadyExists")
		return
	}
	s.containers[r.container] = newContainer()
	w.WriteHeader(http.StatusCreated)
}

func (s *Server) getContainer(w http.ResponseWriter, r *request) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.find(w, r) != nil {
		w.WriteHeader(http.StatusOK)
	}
}

func (s *Server) deleteContainer(w http.ResponseWriter, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(w, r) != nil {
		delete(s.containers, r.container)
		w.WriteHeader(http.StatusAccepted)
	}
}

// names returns all names in byte order.
func (c *container) names() []string {
	if len(c.sorted) != len(c.blobs) {
		c.sorted = c.sorted[:0]
		for name := range c.blobs {
			c.sorted = append(c.sorted, name)
		}
		slices.Sort(c.sorted)
	}
	return c.sorted
}

// listing is the answer to List Blobs.
type listing struct {
	XMLName    xml.Name     `xml:"EnumerationResults"`
	Container  string       `xml:"ContainerName,attr"`
	Prefix     string       `xml:"Prefix,omitempty"`
	Blobs      []listedBlob `xml:"Blobs>Blob"`
	NextMarker string       `xml:"NextMarker"`
}

type listedBlob struct {
	Name       string
	Properties struct {
		Modified string `xml:"Last-Modified"`
		ETag     string `xml:"Etag"`
		Length   int    `xml:"Content-Length"`
		MD5      string `xml:"Content-MD5,omitempty"`
		Type     string `xml:"BlobType"`
		Status   string `xml:"LeaseStatus"`
		State    string `xml:"LeaseState"`
	}
}

func (s *Server) list(w http.ResponseWriter, r *request) {
	limit := s.pageSize
	if text := r.query.Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			fail(w, http.StatusBadRequest, "OutOfRangeQueryParameterValue")
			return
		}
		limit = min(limit, n)
	}
	after, err := base64.URLEncoding.DecodeString(r.query.Get("marker"))
	if err != nil {
		fail(w, http.StatusBadRequest, "OutOfRangeInput")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(w, r)
	if c == nil {
		return
	}
	answer := c.page(r.query.Get("prefix"), string(after), limit)
	answer.Container = r.container
	w.Header().Set("Content-Type", "application/xml")
	_, _ = w.Write([]byte(xml.Header))
	_ = xml.NewEncoder(w).Encode(answer)
}

// page lists at most limit blobs with prefix that come after the name after.
func (c *container) page(prefix, after string, limit int) listing {
	names := c.names()
	from, _ := slices.BinarySearch(names, max(prefix, after))
	answer := listing{Prefix: prefix}
	for _, name := range names[from:] {
		if !strings.HasPrefix(name, prefix) {
			break
		}
		if name == after {
			continue
		}
		if len(answer.Blobs) == limit {
			last := answer.Blobs[limit-1].Name
			answer.NextMarker = base64.URLEncoding.EncodeToString([]byte(last))
			break
		}
		answer.Blobs = append(answer.Blobs, c.blobs[name].listed(name))
	}
	return answer
}

func (b *stored) listed(name string) (l listedBlob) {
	l.Name = name
	p := &l.Properties
	p.Modified = b.modified.Format(http.TimeFormat)
	p.ETag = b.etag
	p.Length = b.size
	p.Type = "BlockBlob"
	p.Status, p.State = b.lease.words(time.Now())
	if b.md5 != nil {
		p.MD5 = base64.StdEncoding.EncodeToString(b.md5)
	}
	return l
}
