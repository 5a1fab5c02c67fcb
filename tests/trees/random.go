package trees

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"clfsload/tests/harness"
)

// Kills is how many there are in a test.
var Kills = Often(25)

// Often is n, or a quarter of it under the race detector, with which everything takes
// longer.
func Often(n int) int {
	if harness.RaceEnabled {
		return max(2, n/4)
	}
	return n
}

// SeededRandom prints its seed with the test, so that a failure can be repeated with SEED.
func SeededRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		harness.Must(t, err)
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, seed))
}
