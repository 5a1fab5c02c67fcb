package azure

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfterIsUnderstoodInEveryForm(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header, text string
		want         time.Duration
	}{
		{"Retry-After", "120", 2 * time.Minute},
		{"Retry-After", "0", 0},
		{"Retry-After", "Mon, 04 May 2026 12:00:30 GMT", 30 * time.Second},
		{"Retry-After", "Mon, 04 May 2026 11:00:30 GMT", 0},
		{"Retry-After", "soon", 0},
		{"Retry-After", "-5", 0},
		{"Retry-After", "99999999999999999999", 0},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond},
		{"x-ms-retry-after-ms", "250", 250 * time.Millisecond},
	} {
		r := &http.Response{Header: http.Header{}}
		r.Header.Set(c.header, c.text)
		if got := retryAfter(r, now); got != c.want {
			t.Errorf("%s: %s means %s, want %s", c.header, c.text, got, c.want)
		}
	}
	if got := retryAfter(nil, now); got != 0 {
		t.Errorf("no answer means %s", got)
	}
}
