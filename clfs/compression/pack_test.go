package compression_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"clfsload/clfs"
	"clfsload/clfs/clfstest"
	"clfsload/clfs/compression"
	"clfsload/clfs/object"
)

// randomPayload is a few runs of text, noise and zeros.
func randomPayload(random *rand.Rand) (payload []byte) {
	for range random.IntN(4) {
		n := random.IntN(1 << (4 + random.IntN(16)))
		switch random.IntN(3) {
		case 0:
			payload = append(payload, clfstest.Text(n)...)
		case 1:
			payload = append(payload, make([]byte, n)...)
		default:
			payload = append(payload, clfstest.Noise("p", n)...)
		}
	}
	return payload
}

func TestPackThenUnpackIsIdentity(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	compressed := 0
	for range 150 {
		payload := randomPayload(random)
		want := compression.Method(random.IntN(2))
		packed := compression.Pack([]byte("before"), payload, want)
		blob, ok := bytes.CutPrefix(packed, []byte("before"))
		if !ok {
			t.Fatal("Pack changed what was in dst")
		}
		got, c, err := compression.Unpack(blob, len(payload))
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("%d bytes come back as %d: %v", len(payload), len(got), err)
		}
		if len(blob) > len(payload)+4 || c > want {
			t.Errorf("%d bytes became a blob of %d with compression %d, asked for %d", len(payload), len(blob), c, want)
		}
		compressed += int(c)
		if _, _, err := compression.Unpack(blob, len(payload)-1); err == nil && len(payload) > 0 {
			t.Errorf("%d bytes were unpacked into a limit of one less", len(payload))
		}
	}
	if compressed < 20 {
		t.Errorf("only %d payloads were compressed", compressed)
	}
}

func TestPackAllocatesNothingWithRoomForIt(t *testing.T) {
	payload := clfstest.FileInode(clfstest.Text(6000)).Append(nil)
	dst := make([]byte, 0, compression.Bound(len(payload)))
	if n := testing.AllocsPerRun(100, func() { compression.Pack(dst, payload, compression.LZ4) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The last block of a full segment has 88 bytes that hardly shrink.
func TestFullSegmentsOfTextAreStoredCompressed(t *testing.T) {
	data := clfstest.Text(clfs.SegmentBytes + 4096)
	_, c, err := compression.Unpack(compression.Pack(nil, clfstest.FullSegment(data[:clfs.SegmentBytes]), compression.LZ4), object.MaxSegmentPayload)
	if err != nil || c != compression.LZ4 {
		t.Errorf("a full segment of text: compression %d, %v", c, err)
	}
	// One block and the same end, many times with another text and owner.
	const tail = 262144
	buf := make([]byte, object.SegmentDataOffset+tail+128)
	for i := range 400 {
		copy(buf[object.SegmentDataOffset:], data[i*9:i*9+tail])
		owner := clfs.NewHandle(clfs.Key{byte(i)}, uint32(i)*0x9e3779b9, clfs.RootID, clfs.TypeRegular, 0, uint64(1000+i*i))
		payload := object.FinishSegment(buf, tail, uint32(1400000000+i*i), clfs.SegmentOffset(uint64(i), false), owner)
		if len(payload) != tail+88 {
			t.Fatalf("payload of %d bytes", len(payload))
		}
		if blob := compression.Pack(nil, payload, compression.LZ4); blob[2] != byte(compression.LZ4) {
			t.Errorf("text %d is stored uncompressed", i)
		}
	}
}

// lz4Blob makes a blob of LZ4 blocks as they are given.
func lz4Blob(blocks ...string) []byte {
	blob := []byte("\x00\x00\x01\x00\x04\x22\x4D\x18\x40\x50\x77")
	for _, b := range blocks {
		blob = binary.LittleEndian.AppendUint32(blob, uint32(len(b)))
		blob = append(blob, b...)
	}
	return append(blob, 0, 0, 0, 0)
}

func TestUnpackReadsBlocksThatReferBack(t *testing.T) {
	blob := lz4Blob("\x50hello", "\x11 \x06\x00\x10.")
	got, _, err := compression.Unpack(blob, 100)
	if want := "hello hello."; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestUnpackRefusesDamage(t *testing.T) {
	const body = 11 // blob header and frame header
	good := lz4Blob("\x50hello")
	run := "\x1fa\x01\x00" + strings.Repeat("\xff", 1028) + "\x40\x10b" // 262144 bytes
	for _, c := range []struct {
		name   string
		blob   []byte
		offset int64
	}{
		{"nothing", nil, 0},
		{"half a header", good[:3], 0},
		{"unknown encryption", []byte{3, 0, 0, 0}, 0},
		{"unknown compression", []byte{0, 0, 2, 0}, 2},
		{"no frame", good[:4], 4},
		{"half a frame header", good[:9], 4},
		{"other frame flags", bytes.Replace(good, []byte{0x40, 0x50}, []byte{0x60, 0x50}, 1), 4},
		{"no block", good[:body], body},
		{"no end mark", good[:len(good)-4], int64(len(good) - 4)},
		{"cut end mark", good[:len(good)-1], int64(len(good) - 4)},
		{"bytes behind", append(bytes.Clone(good), 0), int64(len(good))},
		{"stored block", []byte("\x00\x00\x01\x00\x04\x22\x4D\x18\x40\x50\x77\x01\x00\x00\x80x\x00\x00\x00\x00"), body},
		{"block past the end", []byte("\x00\x00\x01\x00\x04\x22\x4D\x18\x40\x50\x77\x09\x00\x00\x00\x50hell"), body},
		{"literals past the block", lz4Blob("\x60hello"), body + 5},
		{"literal count cut", lz4Blob("\xf0\xff"), body + 6},
		{"match offset cut", lz4Blob("\x10a\x01"), body + 7},
		{"match length cut", lz4Blob("\x1fa\x01\x00"), body + 8},
		{"no last literals", lz4Blob("\x11a\x01\x00"), body + 8},
		{"match offset 0", lz4Blob("\x11a\x00\x00\x10b"), body + 8},
		{"match before the payload", lz4Blob("\x11a\x02\x00\x10b"), body + 8},
		{"more than a block holds", lz4Blob(run + "\x10"), 0},
		{"more than the limit", lz4Blob(run, run), 0},
	} {
		_, _, err := compression.Unpack(c.blob, 300000)
		var fe *clfs.FormatError
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v, want a FormatError", c.name, err)
			continue
		}
		if c.offset != 0 && fe.Offset != c.offset {
			t.Errorf("%s: %v, want offset %d", c.name, err, c.offset)
		}
	}
}

func TestUnpackRefusesEncryptedObjectsByName(t *testing.T) {
	for encryption, name := range map[byte]string{1: "HMAC-SHA-256", 2: "HMAC-SHA-512"} {
		_, _, err := compression.Unpack([]byte{encryption, 0, 0, 0, 1, 2, 3}, 100)
		if !errors.Is(err, compression.ErrEncrypted) || !strings.Contains(err.Error(), name) {
			t.Errorf("encryption %d: %v", encryption, err)
		}
	}
}

// 8 KB of blob announce 8 MB of payload, more than is asked for.
func TestUnpackOfABombAllocatesNothingLikeIt(t *testing.T) {
	run := "\x1fa\x01\x00" + strings.Repeat("\xff", 1026) + "\x00\x10b"
	blocks := make([]string, 32)
	for i := range blocks {
		blocks[i] = run
	}
	bomb := lz4Blob(blocks...)
	if got, _, err := compression.Unpack(bomb, object.MaxSegmentPayload); err != nil || len(got) < 8_000_000 {
		t.Fatalf("the bomb gives %d bytes, %v", len(got), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := compression.Unpack(bomb, 1<<20)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Fatal("a payload of 8 MB passed a limit of 1 MB")
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<16 {
		t.Errorf("refused, but after allocating %d bytes", grown)
	}
}
