//go:build large

package tests

import "testing"

func TestAContainerOfAMillionFilesIsAdoptedAtOnce(t *testing.T) { isShownAtOnce(t, 1000, 1000) }
