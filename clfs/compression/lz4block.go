package compression

import "clfsload/clfs"

// A block of an LZ4 frame is sequences (docs/clfs-format.md section 3):
//
//	token: 4 bits literal count, 4 bits match length - 4
//	if the count was 15, bytes to add to it, until one is below 255
//	the literals; the last sequence ends here
//	u16 how far back the match starts
//	if the length was 15, bytes to add to it, until one is below 255
//
// Fifteen bytes, ten times "a" and "bcdef", are 1 token, 1 literal, 2 for where
// the match starts, then 1 token and 5 literals: 15 61 01 00 50 62 63 64 65 66,
// 10 bytes.

const (
	lz4MinMatch = 4
	nibbleFull  = 15
)

// A blockScanner walks over the sequences of a block without copying.
type blockScanner struct {
	src    []byte
	pos    int
	out    int    // bytes the block gives up to pos
	before int    // bytes of payload in front of the block, which matches may reach
	reason string // why the scan stopped, "" while it is well
}

// blockSize is how many bytes a block decompresses to. base is the block's
// offset in the blob, before how much payload precedes it.
func blockSize(src []byte, base, before int) (int, error) {
	s := blockScanner{src: src, before: before}
	for s.reason == "" {
		token := int(s.next())
		s.literals(token >> 4)
		if s.reason == "" && s.pos == len(src) {
			return s.out, nil
		}
		s.match(token & nibbleFull)
	}
	return 0, clfs.FormatErrorf(base+s.pos, "LZ4 block: %s", s.reason)
}

// fail keeps the first reason; nothing moves after it.
func (s *blockScanner) fail(reason string) {
	if s.reason == "" {
		s.reason = reason
	}
}

func (s *blockScanner) next() byte {
	if s.reason != "" || s.pos == len(s.src) {
		s.fail("cut short")
		return 0
	}
	s.pos++
	return s.src[s.pos-1]
}

// length completes a count that the token has begun.
func (s *blockScanner) length(n int) int {
	if n != nibbleFull {
		return n
	}
	for s.reason == "" {
		more := s.next()
		n += int(more)
		if more != 255 {
			break
		}
	}
	return n
}

func (s *blockScanner) literals(count int) {
	n := s.length(count)
	if n > len(s.src)-s.pos {
		s.fail("literals past its end")
		return
	}
	s.pos += n
	s.give(n)
}

func (s *blockScanner) match(count int) {
	offset := int(s.next()) | int(s.next())<<8
	if offset == 0 || offset > s.before+s.out {
		s.fail("match outside the payload before it")
	}
	s.give(s.length(count) + lz4MinMatch)
}

func (s *blockScanner) give(n int) {
	s.out += n
	if s.out > frameBlockBytes {
		s.fail("more than 262144 bytes")
	}
}
