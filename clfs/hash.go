package clfs

// Names start with a hash of the id (docs/clfs-format.md section 2):
//
//	hash64, 8 bytes:  fnv1 (high 4) | murmur2 (low 4)

const (
	fnvPrime    = 0x01000193
	murmurSeed  = 0x8c6749ad
	murmurMul   = 0x5bd1e995
	murmurShift = 24
)

// FNV1 is the 32-bit FNV-1 hash, but started from 0 and not from the usual
// offset basis (docs/clfs-format.md section 2).
func FNV1[T ~string | ~[]byte](b T) uint32 {
	var h uint32
	for i := 0; i < len(b); i++ {
		h = h*fnvPrime ^ uint32(b[i])
	}
	return h
}

// Murmur2 is the 32-bit MurmurHash2 with the seed 0x8c6749ad
// (docs/clfs-format.md section 2).
func Murmur2[T ~string | ~[]byte](b T) uint32 {
	h := uint32(murmurSeed) ^ uint32(len(b))
	i := 0
	for ; len(b)-i >= 4; i += 4 {
		k := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
		k *= murmurMul
		k ^= k >> murmurShift
		h = h*murmurMul ^ k*murmurMul
	}
	if rest := len(b) - i; rest > 0 {
		for j := rest - 1; j >= 0; j-- {
			h ^= uint32(b[i+j]) << (8 * j)
		}
		h *= murmurMul
	}
	h ^= h >> 13
	h *= murmurMul
	return h ^ h>>15
}

// Hash64 joins the two hashes: [FNV1] in the high half, [Murmur2] in the low
// one (docs/clfs-format.md section 2).
func Hash64[T ~string | ~[]byte](b T) uint64 {
	return uint64(FNV1(b))<<32 | uint64(Murmur2(b))
}
