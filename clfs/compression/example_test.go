package compression_test

import (
	"bytes"
	"fmt"

	"clfsload/clfs/compression"
)

func ExamplePack() {
	blob := compression.Pack(nil, bytes.Repeat([]byte("a"), 1000), compression.LZ4)
	payload, method, err := compression.Unpack(blob, 1000)
	fmt.Println(len(payload), method, len(blob) < 1000, err)

	blob = compression.Pack(nil, []byte("abc"), compression.LZ4) // does not shrink
	fmt.Printf("%x\n", blob)
	// Output:
	// 1000 LZ4 true <nil>
	// 00000000616263
}
