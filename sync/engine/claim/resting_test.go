package claim

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestANodeRestsTwiceAsLongAfterEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResting()
		for want := firstRest; want < longestRest; want *= 2 {
			r.Failed(1)
			if got := r.Next(time.Hour); got != want {
				t.Errorf("it rests for %s, want %s", got, want)
			}
			time.Sleep(want - 1)
			if !r.Is(1) {
				t.Errorf("it rests for less than %s", want)
			}
			time.Sleep(time.Nanosecond)
			if r.Is(1) || !r.Failing(1) {
				t.Errorf("after %s it rests still, or its failure is forgotten", want)
			}
		}
		r.Failed(1)
		if got := r.Next(time.Hour); got != longestRest {
			t.Errorf("it rests for %s, want %s at most", got, longestRest)
		}
		r.End(1)
		if r.Is(1) || r.Failing(1) || r.Next(time.Hour) != time.Hour {
			t.Error("a node that was uploaded rests")
		}
	})
}
