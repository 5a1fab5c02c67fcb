package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clfsload/sync/blob"
	"clfsload/sync/blob/blobtest"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/blob/retry"
)

func TestConformance(t *testing.T) {
	blobtest.TestContainer(t, func(*testing.T) blob.Container {
		return retry.New(mem.New(), retry.Options{InFlight: 8, For: time.Hour}, retry.Events{})
	})
}

// journal collects events as words.
type journal struct {
	mu    sync.Mutex
	words []string
	waits []time.Duration
}

func (j *journal) add(word string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.words = append(j.words, word)
}

func (j *journal) events() retry.Events {
	return retry.Events{
		Retrying: func(f retry.Failure) {
			j.add("retrying")
			j.mu.Lock()
			defer j.mu.Unlock()
			j.waits = append(j.waits, f.Wait)
		},
		Recovered:   func(time.Duration) { j.add("recovered") },
		Throttled:   func(n int) { j.add(fmt.Sprint("throttled ", n)) },
		Unthrottled: func() { j.add("unthrottled") },
		Refused:     func(error) { j.add("refused") },
		Accepted:    func() { j.add("accepted") },
	}
}

func (j *journal) want(t *testing.T, words ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.words, words) {
		t.Errorf("events %q, want %q", j.words, words)
	}
}

// fixture is a container with faults inside of one that repeats.
type fixture struct {
	*retry.Container
	faults *faulty.Container
	journal
}

// newFixture returns a fixture in which one request has succeeded.
func newFixture(t *testing.T, o retry.Options) *fixture {
	t.Helper()
	f := &fixture{faults: faulty.New(mem.New())}
	f.Container = retry.New(f.faults, o, f.events())
	if err := f.Put(t.Context(), "first", nil); err != nil {
		t.Fatal(err)
	}
	return f
}

func day() retry.Options { return retry.Options{InFlight: 4, For: 24 * time.Hour} }

func times(n int, err error) []faulty.Fault { return slices.Repeat([]faulty.Fault{{Err: err}}, n) }

func TestTemporaryFailuresAreRepeatedUntilTheyPass(t *testing.T) {
	for name, kind := range map[string]error{"transient": blob.ErrTransient, "checksum": blob.ErrChecksum} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, day())
				defer f.faults.Check(t)
				for _, m := range []faulty.Method{faulty.Put, faulty.Get, faulty.Delete, faulty.List} {
					f.faults.On(m, times(3, kind)...)
				}
				if err := f.Put(t.Context(), "a", []byte("data")); err != nil {
					t.Error(err)
				}
				if o, err := f.Get(t.Context(), "a", 0, -1); err != nil || string(o.Data) != "data" {
					t.Errorf("Get: %q, %v", o.Data, err)
				}
				if p, err := f.List(t.Context(), "a", ""); err != nil || len(p.Blobs) != 1 {
					t.Errorf("List: %v, %v", p, err)
				}
				if err := f.Delete(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				once := []string{"retrying", "retrying", "retrying", "recovered"}
				f.want(t, slices.Repeat(once, 4)...)
			})
		})
	}
}

func TestPausesDoubleUpToHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, day())
		f.faults.On(faulty.Put, times(12, blob.ErrTransient)...)
		if err := f.Put(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		for i, wait := range f.waits {
			middle := min(500*time.Millisecond<<i, 30*time.Second)
			if wait < middle/2 || wait > middle*3/2 {
				t.Errorf("pause %d is %s, want %s give or take a half", i, wait, middle)
			}
		}
	})
}

func TestAPauseThatTheServiceAsksForIsKept(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{20 * time.Second: 20 * time.Second, time.Hour: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, day())
			f.faults.On(faulty.Put, times(1, blob.After(asked, blob.ErrThrottled))...)
			began := time.Now()
			var put sync.WaitGroup
			put.Go(func() {
				if err := f.Put(t.Context(), "a", nil); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(10 * time.Second)
			if _, err := f.List(t.Context(), "", ""); err != nil { // the service is back for others
				t.Error(err)
			}
			put.Wait()
			if took := time.Since(began); took <= want || took > want+time.Second {
				t.Errorf("asked to wait for %s it waited for %s, want a little more than %s", asked, took, want)
			}
		})
	}
}

func TestAShortPauseThatTheServiceAsksForMakesNoneShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, day())
		f.faults.On(faulty.Put, times(8, blob.After(time.Millisecond, blob.ErrTransient))...)
		began := time.Now()
		if err := f.Put(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 30*time.Second {
			t.Errorf("eight pauses took %s", took)
		}
	})
}

func TestWhenTheServiceIsBackNobodyWaitsAnyLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		f := newFixture(t, retry.Options{InFlight: 200, For: 24 * time.Hour})
		call := func() error {
			if away.Load() {
				return blob.ErrTransient
			}
			return nil
		}
		away.Store(true)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := f.Do(t.Context(), "put", "a", call); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Minute) // by now each waits for 15 to 45 seconds
		away.Store(false)
		if err := f.Do(t.Context(), "put", "b", call); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the last request went on after %s", took)
		}
	})
}

func TestASuccessAmongFailuresEndsNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, day())
		f.faults.On(faulty.Put, times(5, blob.ErrTransient)...)
		var put sync.WaitGroup
		began := time.Now()
		put.Go(func() {
			if err := f.Put(t.Context(), "a", nil); err != nil {
				t.Error(err)
			}
		})
		for range 20 {
			time.Sleep(time.Second)
			if _, err := f.List(t.Context(), "", ""); err != nil {
				t.Fatal(err)
			}
		}
		put.Wait()
		if took, least := time.Since(began), 31*500*time.Millisecond/2; took < least {
			t.Errorf("five pauses took %s, want %s or more", took, least)
		}
	})
}

func TestARequestIsGivenUpWhenNothingSucceedsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, day())
		f.faults.On(faulty.Put, times(10000, blob.ErrTransient)...)
		time.Sleep(48 * time.Hour) // idle time does not count
		began := time.Now()
		err := f.Put(t.Context(), "a", nil)
		if !errors.Is(err, blob.ErrTransient) || !strings.Contains(err.Error(), "nothing succeeded for 24h0m0s") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took != 24*time.Hour {
			t.Errorf("given up after %s", took)
		}
	})
}

func TestTheFirstRequestIsGivenUpSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := faulty.New(mem.New())
		faults.On(faulty.Put, times(100, blob.ErrTransient)...)
		c := retry.New(faults, retry.Options{InFlight: 1, For: time.Hour, Opening: 15 * time.Second}, retry.Events{})
		began := time.Now()
		if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrTransient) || time.Since(began) != 15*time.Second {
			t.Errorf("Put: %v after %s", err, time.Since(began))
		}
	})
}

func TestARequestIsNotGivenUpWhileOthersSucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, retry.Options{InFlight: 4, For: time.Minute})
		f.faults.On(faulty.Put, times(30, blob.ErrTransient)...) // some ten minutes
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		others.Go(func() {
			for ctx.Err() == nil {
				_, _ = f.Get(ctx, "first", 0, -1)
				time.Sleep(20 * time.Second)
			}
		})
		if err := f.Put(t.Context(), "a", nil); err != nil {
			t.Error(err)
		}
		cancel()
		others.Wait()
	})
}

func TestWhatSomebodyMustMendIsNotRepeated(t *testing.T) {
	for _, kind := range []error{blob.ErrContainerMissing, blob.ErrNoSpace, blob.ErrPermission, blob.ErrNotFound,
		blob.ErrUnexpected, blob.ErrLeased, blob.ErrLeaseLost, blob.ErrName} {
		t.Run(kind.Error(), func(t *testing.T) {
			f := newFixture(t, day())
			f.faults.On(faulty.Put, faulty.Fault{Err: kind})
			if err := f.Put(t.Context(), "a", nil); !errors.Is(err, kind) {
				t.Errorf("error is %v", err)
			}
			f.want(t)
		})
	}
}

func TestSyncIsNotRepeated(t *testing.T) {
	f := newFixture(t, day())
	f.faults.On(faulty.Sync, faulty.Fault{Err: blob.ErrTransient})
	if err := blob.Sync(t.Context(), f.Container); !errors.Is(err, blob.ErrTransient) {
		t.Errorf("error is %v", err)
	}
}

var errStop = errors.New("somebody stopped it")

// The end of the context ends each kind of waiting at once, and says why it ended.
func TestTheEndOfTheContextEndsEveryWait(t *testing.T) {
	options := day()
	options.InFlight = 1
	options.Refresh, options.RefreshEvery = func(context.Context) {}, time.Hour
	for name, fault := range map[string]faulty.Fault{
		"pause before a try": {Err: blob.ErrTransient},
		"request":            {Hang: true},
		"credentials":        {Err: blob.ErrCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, options)
				f.faults.On(faulty.Put, slices.Repeat([]faulty.Fault{fault}, 100)...)
				ctx, cancel := context.WithCancelCause(t.Context())
				var puts sync.WaitGroup
				for range 3 { // two of them wait for the first
					puts.Go(func() {
						err := f.Put(ctx, "a", nil)
						if !errors.Is(err, context.Canceled) || !errors.Is(err, errStop) || errors.Is(err, blob.ErrTransient) {
							t.Errorf("Put returned %v", err)
						}
					})
				}
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				began := time.Now()
				cancel(errStop)
				puts.Wait()
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
