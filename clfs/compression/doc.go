// Package compression turns payloads into the bytes of blobs and back (docs/clfs-format.md
// section 3): a header of four bytes with encryption and compression, then the payload or
// an LZ4 frame that holds it.
//
// # Hazards
//
// The service does not read stored LZ4 blocks. [Pack] therefore stores a payload without
// compression if one of its blocks does not shrink, whatever the caller asked for.
//
// [Unpack] takes any bytes. It computes the size of the payload from the frame before it
// allocates, so a small blob that claims to be huge costs no memory. Without compression
// the payload aliases the blob.
package compression
