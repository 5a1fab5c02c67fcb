package engine

import (
	"context"
	"errors"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
	"clfsload/state"
	"clfsload/sync/blob"
	"clfsload/sync/blob/faulty"
	"clfsload/sync/blob/mem"
	"clfsload/sync/engine/bucket"
	"clfsload/sync/engine/publish"
)

func TestBeginRefusesContainersThatAreNotTheJournals(t *testing.T) {
	foreign := compression.Pack(nil, object.Bucket{UUID: "44444444-4444-4444-8444-444444444444"}.Append(nil), compression.None)
	for _, c := range []struct {
		name  string
		phase state.Phase
		blob  string
		data  []byte
		want  error
	}{
		{"new, any blob", state.PhaseNew, "something", []byte("else"), bucket.ErrNotEmpty},
		{"new, another bucket object", state.PhaseNew, bucketBlobName, foreign, bucket.ErrForeign},
		{"begun, another bucket object", state.PhaseTransfer, bucketBlobName, foreign, bucket.ErrForeign},
		{"begun, no bucket object", state.PhaseTransfer, "something", []byte("else"), bucket.ErrForeign},
		{"begun, a damaged bucket object", state.PhaseTransfer, bucketBlobName, []byte{0, 0, 0, 0, 9}, bucket.ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, compression.None)
			if err := f.journal.SetPhase(t.Context(), c.phase); err != nil {
				t.Fatal(err)
			}
			m := mem.New()
			if err := m.Put(t.Context(), c.blob, c.data); err != nil {
				t.Fatal(err)
			}
			if err := f.engine(m, 1).Begin(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("Begin: %v, want %v", err, c.want)
			}
			if got := blobSet(t, m); len(got) != 1 || got[c.blob] != string(c.data) {
				t.Error("the container was changed")
			}
		})
	}
}

func TestBeginIsRepeatedAfterItsBucketObjectWasPut(t *testing.T) {
	f := newFixture(t, compression.LZ4)
	f.scanned()
	m := mem.New()
	if err := m.Put(t.Context(), bucketBlobName, bucketBlob(f.journal.Settings.BucketUUID)); err != nil {
		t.Fatal(err)
	}
	f.mustLoad(m)
	f.sound(m)
}

func TestPublishRefusesWhenEntriesFailed(t *testing.T) {
	f := newFixture(t, compression.None)
	f.add(".", state.Entry{Name: []byte("x"), Failure: &state.Failure{Op: "lstat", Reason: "broken"}})
	f.scanned()
	m := mem.New()
	if err := f.load(t.Context(), m); !errors.Is(err, publish.ErrIncomplete) {
		t.Errorf("load ends with %v", err)
	}
	if len(blobSet(t, m)) != 1 || f.journal.Phase() != state.PhaseTransfer {
		t.Error("something was published")
	}
}

// A directory whose entries are not all known must not be referred to.
func TestPublishRefusesWhenADirectoryIsNotScanned(t *testing.T) {
	f := newFixture(t, compression.None)
	f.dir("d")
	if err := f.journal.AddEntries(t.Context(), f.dirs["."], nil, true); err != nil {
		t.Fatal(err)
	}
	m := mem.New()
	if err := f.load(t.Context(), m); err == nil {
		t.Error("published")
	}
	if f.journal.Phase() == state.PhaseComplete || len(blobSet(t, m)) != 1 {
		t.Error("something was published")
	}
}

func TestPublishCanBeRepeated(t *testing.T) {
	f := newFixture(t, compression.LZ4)
	f.mixed()
	m := mem.New()
	f.mustLoad(m)
	want := blobSet(t, m)
	f.mustLoad(m)
	same(t, blobSet(t, m), want)
	f.sound(m)
}

func TestNewRefusesOptionsOutOfRange(t *testing.T) {
	f := newFixture(t, compression.None)
	for _, o := range []Options{{Memory: MinMemory}, {Concurrency: -1, Memory: MinMemory}, {Concurrency: 1, Memory: MinMemory - 1}} {
		if _, err := New(f.journal, mem.New(), o, Events{}); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestCheckEmptyNamesWhatItFound(t *testing.T) {
	m := mem.New()
	if err := bucket.CheckEmpty(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := m.Put(t.Context(), "x", nil); err != nil {
		t.Fatal(err)
	}
	if err := bucket.CheckEmpty(t.Context(), m, "x"); err != nil {
		t.Error(err)
	}
	if err := bucket.CheckEmpty(t.Context(), m); !errors.Is(err, bucket.ErrNotEmpty) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := bucket.CheckEmpty(ctx, m); errors.Is(err, bucket.ErrNotEmpty) || err == nil {
		t.Error(err)
	}
}

// bucketBlob is a bucket object without a mark.
func bucketBlob(id string) []byte {
	return compression.Pack(nil, object.Bucket{UUID: id}.Append(nil), compression.None)
}

// withoutMark is the payload of a bucket object without what is drawn for each
// publication.
func withoutMark(data string) string {
	payload, _, err := compression.Unpack([]byte(data), 1<<20)
	if err != nil {
		return err.Error()
	}
	b, err := object.DecodeBucket(payload)
	if err != nil {
		return err.Error()
	}
	if b.Mark != nil {
		b.Mark.ID, b.Mark.Time, b.Mark.Publication = "", "", 0
	}
	return string(b.Append(nil))
}

var bucketBlobName = clfs.ObjectName(clfs.BucketID, clfs.BucketID, clfs.TypeSpecial, clfs.FirstVersion)

func TestAFailureToLookForTheBucketObjectIsNotAForeignContainer(t *testing.T) {
	c := faulty.New(mem.New())
	c.On(faulty.Get, faulty.Fault{Err: blob.ErrTransient})
	e := newMount(t, c).engine
	if err := e.Begin(t.Context()); !errors.Is(err, blob.ErrTransient) {
		t.Errorf("begin: %v", err)
	}
	if err := e.Begin(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
