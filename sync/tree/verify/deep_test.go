package verify

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A path of n levels was once opened in n steps for every entry below it.
func TestASourcePathLongerThanTheKernelTakesIsOpenedInFewSteps(t *testing.T) {
	dir := t.TempDir()
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const levels = 2500 // 5,000 bytes
	for range levels {
		if err := unix.Mkdirat(at, "d", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, "d", unix.O_PATH|unix.O_DIRECTORY, 0)
		unix.Close(at)
		if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	unix.Close(at)
	s, err := openSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	path := strings.Repeat("/d", levels)
	allocated := testing.AllocsPerRun(5, func() {
		if st, err := s.lstat(path); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			t.Fatalf("%o, %v", st.Mode, err)
		}
	})
	if allocated > 50 {
		t.Errorf("%.0f allocations for %d levels", allocated, levels)
	}
	if _, err := s.lstat(path + "/missing"); err != unix.ENOENT {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := s.lstat("/" + strings.Repeat("n", 5000)); err != unix.ENAMETOOLONG {
		t.Errorf("a name that no file has: %v", err)
	}
}
