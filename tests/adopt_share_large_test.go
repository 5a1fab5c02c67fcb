//go:build large

package tests

import "testing"

func TestRsyncBringsChangesIntoAContainerOfUsrShare(t *testing.T) { followsByRsync(t, usrShare, 1000) }
