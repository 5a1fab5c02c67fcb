//go:build large

package adopt

import "testing"

func TestAContainerOfAMillionFilesIsAdoptedAtOnce(t *testing.T) { isShownAtOnce(t, 1000, 1000) }
