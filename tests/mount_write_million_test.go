//go:build large && !race

package tests

import "testing"

func TestAMountOfAMillionFilesStaysSmall(t *testing.T) { staysSmall(t, 1_000_000, 2<<30) }
