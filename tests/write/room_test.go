package write

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/remote"
)

// leastLimit is the least that --staging-limit can be.
const leastLimit = 64 << 20

// writeBackward writes a file from its end to its start, and returns how much there was
// room for. Nothing of it can go up while it is open.
func writeBackward(t *testing.T, path string, size int64) (done int64, err error) {
	t.Helper()
	f, err := os.Create(path)
	harness.Must(t, err)
	defer f.Close()
	piece := bytes.Repeat([]byte("b"), 256<<10)
	for at := size - int64(len(piece)); at >= 0; at -= int64(len(piece)) {
		if _, err := f.WriteAt(piece, at); err != nil {
			return done, err
		}
		done += int64(len(piece))
	}
	return done, nil
}

// One open file that nothing can be given up of fills the staging area. That is told as
// on a full disk, and over when the file is closed.
func TestAStagingAreaThatIsFullIsENOSPCUntilThereIsRoom(t *testing.T) {
	i, c := mounted.NewMeteredIntake(t, "--settle", "50ms", "--staging-limit", "64MiB")
	done, err := writeBackward(t, i.Path("backward"), 2*leastLimit)
	if !errors.Is(err, unix.ENOSPC) || done < leastLimit/2 {
		t.Fatalf("after %d bytes: %v", done, err)
	}
	var st unix.Statfs_t
	harness.Must(t, unix.Statfs(i.Point, &st))
	if total := int64(st.Blocks) * st.Bsize; total > leastLimit {
		t.Errorf("df says that there are %d bytes", total)
	}
	i.Flush() // it is closed
	if done, err := writeBackward(t, i.Path("later"), leastLimit/2); err != nil {
		t.Errorf("later, after %d bytes: %v", done, err)
	}
	i.Publish()
	i.EndsPublishedTo(c)
}

// The disk of STATE is full under a mount: that is ENOSPC, nothing is lost, and it goes
// on when there is room again.
func TestAFullDiskUnderAMountIsENOSPCAndNothingIsLost(t *testing.T) {
	disk := harness.SmallDisk(t, "24m")
	c := remote.NewMetered(t)
	i := &mounted.Intake{T: t, State: filepath.Join(disk, "state"), Target: c.URL}
	flags := []string{"--settle", "50ms", "--staging-limit", "64MiB"}
	i.Mount = mounted.With(t, mounted.Point(t), i.Flags(flags))
	c.Fail(blobserver.Fault{Operation: "Put", Status: 503, Code: "ServerBusy", Times: 1_000_000})
	written := map[string]string{}
	var open []*os.File // what is open is not uploaded soon: nobody waits for room
	for n := 0; ; n++ {
		name, text := fmt.Sprint("file-", n), strings.Repeat(fmt.Sprintln("file", n), 20_000)
		file, err := os.Create(i.Path(name))
		if err == nil {
			open = append(open, file)
			_, err = file.WriteString(text)
		}
		if err != nil {
			mustBeENOSPC(t, err)
			_ = os.Remove(i.Path(name))
			break
		}
		written[name] = text
		if n == 10 { // somebody else takes what is left
			takeAll(t, filepath.Join(disk, "ballast"))
		}
	}
	for _, file := range open {
		harness.Must(t, file.Close())
	}
	// There may be room for names still, but not for ever.
	made := 0
	for ; made < 100_000; made++ {
		if err := os.Mkdir(i.Path(fmt.Sprint("directory-", made)), 0o755); err != nil {
			mustBeENOSPC(t, err)
			break
		}
	}
	t.Logf("%d files and %d directories found room", len(written), made)
	for name, text := range written {
		if got, err := os.ReadFile(i.Path(name)); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	c.Mend()
	harness.Remove(t, filepath.Join(disk, "ballast"))
	mustTake(i, "after", "after")
	i.Publish()
	for name, text := range written {
		if got, err := os.ReadFile(i.Path(name)); err != nil || string(got) != text {
			t.Errorf("later %s: %d bytes, %v", name, len(got), err)
		}
	}
	if entries, err := os.ReadDir(i.Point); err != nil || len(entries) != len(written)+made+1 {
		t.Errorf("%d entries, not %d files, %d directories and one more: %v", len(entries), len(written), made, err)
	}
	i.EndsPublishedTo(c)
}

func mustBeENOSPC(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
}

// takeAll fills a disk to the last byte.
func takeAll(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	harness.Must(t, err)
	defer f.Close()
	for piece := make([]byte, 64<<10); len(piece) > 0; {
		if _, err := f.Write(piece); err != nil {
			piece = piece[:len(piece)/2]
		}
	}
}

// mustTake writes a file as soon as the mount takes it.
func mustTake(i *mounted.Intake, name, text string) {
	i.T.Helper()
	end := time.Now().Add(mounted.Deadline)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		err := os.WriteFile(i.Path(name), []byte(text), 0o644)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			i.T.Fatal(err)
		}
	}
}
