package compression_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
)

func TestCompressionDecidesAsVectorsSay(t *testing.T) {
	for _, v := range clfstest.LoadVectors(t).Compression {
		payload := describedPayload(t, v.Payload)
		if clfstest.Digest(payload) != v.SHA256 || len(payload) != v.Length {
			t.Fatalf("%s: not the payload that was meant", v.Payload)
		}
		got, c, err := compression.Unpack(compression.Pack(nil, payload, compression.LZ4), len(payload))
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%s: does not come back: %v", v.Payload, err)
		}
		if c != v.Compression {
			t.Errorf("%s: compression %d, want %d", v.Payload, c, v.Compression)
		}
	}
}

// describedPayload expands "a*N noise:TAG*N ...".
func describedPayload(t *testing.T, description string) (payload []byte) {
	t.Helper()
	for run := range strings.FieldsSeq(description) {
		what, times, _ := strings.Cut(run, "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			t.Fatal(err)
		}
		if tag, isNoise := strings.CutPrefix(what, "noise:"); isNoise {
			payload = append(payload, clfstest.Noise(tag, n)...)
		} else {
			payload = append(payload, strings.Repeat(what, n)...)
		}
	}
	return payload
}
