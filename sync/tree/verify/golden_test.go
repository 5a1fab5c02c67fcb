package verify_test

import (
	"testing"

	"clfsload/sync/tree"
	"clfsload/sync/tree/treetest"
	"clfsload/sync/tree/verify"
)

func TestGoldenContainersAreSound(t *testing.T) {
	for _, name := range []string{treetest.GoldenLZ4, treetest.GoldenRaw} {
		for _, quick := range []bool{false, true} {
			tr := tree.New(treetest.Golden(t, name), tree.Options{TempDir: t.TempDir()})
			defer tr.Close()
			report, err := verify.Run(t.Context(), tr, verify.Options{Quick: quick, Found: func(f verify.Finding) {
				if f.Severity == verify.Damage {
					t.Error(f)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", report)
			if report.Remarks[verify.KindLogMissing] == 0 || report.Remarks[verify.KindSymlinkSize] != 1 {
				t.Errorf("remarks %v, want the missing logs and the link's size in characters", report.Remarks)
			}
		}
	}
}
