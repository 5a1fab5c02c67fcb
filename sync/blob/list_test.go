package blob_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"clfsload/sync/blob"
)

// lister answers List with a function of the marker.
type lister struct {
	blob.Container
	list  func(marker string) blob.Page
	calls int
}

func (l *lister) String() string { return "lister" }

func (l *lister) List(_ context.Context, _, marker string) (blob.Page, error) {
	l.calls++
	return l.list(marker), nil
}

func next(marker string) string {
	n, _ := strconv.Atoi(marker)
	return fmt.Sprint(n + 1)
}

func named(name string) []blob.Info { return []blob.Info{{Name: name}} }

func TestAListingThatBeginsAgainIsAnError(t *testing.T) {
	for name, list := range map[string]func(string) blob.Page{
		"the marker stays": func(string) blob.Page { return blob.Page{Blobs: named("a"), Next: "1"} },
		"the markers go round": func(m string) blob.Page {
			return blob.Page{Next: map[string]string{"": "1", "1": "2", "2": "3", "3": "1"}[m]}
		},
		"the blobs go round": func(m string) blob.Page {
			return blob.Page{Blobs: named("a" + next(m)[len(next(m))-1:]), Next: next(m)}
		},
		"there are no blobs, ever": func(m string) blob.Page { return blob.Page{Next: next(m)} },
	} {
		l := &lister{list: list}
		var err error
		for _, err = range blob.All(t.Context(), l, "") {
		}
		if !errors.Is(err, blob.ErrUnexpected) || l.calls > 20_000 {
			t.Errorf("%s: %v after %d calls", name, err, l.calls)
		}
	}
}

func TestAPageThatIsRepeatedOnceDoesNoHarm(t *testing.T) {
	l := &lister{}
	l.list = func(m string) blob.Page {
		switch {
		case m == "1" && l.calls == 2: // an old answer
			return blob.Page{Blobs: named("a"), Next: "1"}
		case m == "1":
			return blob.Page{Blobs: named("b")}
		}
		return blob.Page{Blobs: named("a"), Next: "1"}
	}
	names := ""
	for b, err := range blob.All(t.Context(), l, "") {
		if err != nil {
			t.Fatal(err)
		}
		names += b.Name
	}
	if names != "ab" {
		t.Errorf("listed %q", names)
	}
}

func TestALongListingWithEmptyPagesComesToItsEnd(t *testing.T) {
	l := &lister{list: func(m string) blob.Page {
		n, _ := strconv.Atoi(m)
		p := blob.Page{Next: next(m)}
		if n%5000 == 0 {
			p.Blobs = named(fmt.Sprintf("%08d", n))
		}
		if n == 50_000 {
			p.Next = ""
		}
		return p
	}}
	blobs := 0
	for _, err := range blob.All(t.Context(), l, "") {
		if err != nil {
			t.Fatal(err)
		}
		blobs++
	}
	if blobs != 11 {
		t.Errorf("%d blobs were listed", blobs)
	}
}
