package load

import (
	"os"
	"testing"

	"clfsload/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
