package tests

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// kills is how many there are in a test.
var kills = often(25)

// often is n, or a quarter of it under the race detector, with which everything takes
// longer.
func often(n int) int {
	if raceEnabled {
		return max(2, n/4)
	}
	return n
}

// seededRandom prints its seed with the test, so that a failure can be repeated with SEED.
func seededRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
