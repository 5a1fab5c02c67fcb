package blobtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"clfsload/sync/blob"
)

// deadline ends a test that hangs.
const deadline = 2 * time.Minute

// largest is a full segment of a file with all that is around it, and then some.
const largest = 8<<20 + 8192

// TestContainer runs the whole suite. open is called for each test and returns an
// empty container that no other test uses.
func TestContainer(t *testing.T, open func(t *testing.T) blob.Container) {
	TestPaged(t, blob.MaxPage, open)
}

// TestPaged is TestContainer for containers whose pages were made to hold at most
// pageSize blobs, so that listings of several pages take less time.
func TestPaged(t *testing.T, pageSize int, open func(t *testing.T) blob.Container) {
	tests := []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"GetReturnsWhatWasPut", testRoundTrip},
		{"PutOverwritesWhole", testOverwrite},
		{"PutDoesNotKeepData", testPutCopies},
		{"GetReturnsRanges", testRanges},
		{"GetOfMissingIsErrNotFound", testGetMissing},
		{"DeleteRemoves", testDelete},
		{"DeleteOfMissingIsNoError", testDeleteMissing},
		{"NamesOfEveryShapeAreKept", testNames},
		{"InvalidNamesAreRefused", testInvalidNames},
		{"ListIsInByteOrder", testListOrder},
		{"ListKeepsToPrefix", testListPrefix},
		{"ListOfEmptyIsOneEmptyPage", testListEmpty},
		{"ListTellsSizeAndMD5", testListInfo},
		{"ListPagesAreCompleteAndCanBeTakenUpAgain", testListPages},
		{"ConcurrentPutsOfOneNameLeaveOneWhole", testConcurrentPuts},
		{"ConcurrentUseOfManyNames", testConcurrentNames},
		{"EndedContextEndsEveryCall", testContext},
		{"LeaseExcludesOthers", withLeases(testLeaseExcludes)},
		{"LeaseNeedsABlob", withLeases(testLeaseOfMissing)},
		{"LeaseHolderMayWrite", withLeases(testLeaseHolderWrites)},
		{"LeaseIsNotListed", withLeases(testLeaseIsNotListed)},
		{"PutWholeIsPut", testPutWhole},
		{"SyncSucceeds", testSync},
		{"StringIsNotEmpty", testString},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			tt.run(t, &suite{ctx: ctx, c: open(t), pageSize: pageSize})
		})
	}
}

// suite is a container under test, with calls that fail the test instead of
// returning an error.
type suite struct {
	ctx      context.Context
	c        blob.Container
	pageSize int
}

func (s *suite) put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := s.c.Put(s.ctx, name, data); err != nil {
		t.Fatalf("Put(%q, %d bytes): %v", name, len(data), err)
	}
}

func (s *suite) get(t *testing.T, name string, offset, length int64) blob.Object {
	t.Helper()
	o, err := s.c.Get(s.ctx, name, offset, length)
	if err != nil {
		t.Fatalf("Get(%q, %d, %d): %v", name, offset, length, err)
	}
	return o
}

// wantInfo checks what is known of a blob that holds data.
func wantInfo(t *testing.T, got blob.Info, name string, data []byte) {
	t.Helper()
	if got.Name != name || got.Size != int64(len(data)) {
		t.Errorf("Info is %q, %d bytes; want %q, %d bytes", got.Name, got.Size, name, len(data))
	}
	if sum := md5.Sum(data); got.MD5 != nil && !bytes.Equal(got.MD5, sum[:]) {
		t.Errorf("MD5 of %q is %x, want %x", name, got.MD5, sum)
	}
}

func (s *suite) wantBlob(t *testing.T, name string, data []byte) {
	t.Helper()
	o := s.get(t, name, 0, -1)
	wantInfo(t, o.Info, name, data)
	if !bytes.Equal(o.Data, data) {
		t.Errorf("Get(%q) returned %d bytes that differ from the %d put", name, len(o.Data), len(data))
	}
}

func wantError(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", call, err, want)
	}
}

// randomBytes returns n bytes that differ for every seed.
func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{seed})
	_, _ = r.Read(b)
	return b
}

// inodeName returns a name of the usual shape, the nth in byte order.
func inodeName(n int) string {
	return fmt.Sprintf("%016X_110000A00001020000000000000003E9%016X.0001.8C2B5E7F00AA0011.00000000009.FFFFFFFF.0002", n, n*7)
}
