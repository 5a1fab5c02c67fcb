package mount

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clfsload/tests/blobserver"
	"clfsload/tests/harness"
	"clfsload/tests/mounted"
	"clfsload/tests/trees"
)

func TestAKilledMountIsClearedByTheNextOne(t *testing.T) {
	target, point := trees.MountedGolden(t), mounted.Point(t)
	first := mounted.ReadOnlyAt(t, point, target)
	first.End(unix.SIGKILL).MustExit(-1)
	var st unix.Statfs_t
	if err := unix.Statfs(point, &st); !errors.Is(err, unix.ENOTCONN) {
		t.Fatalf("after the kill statfs says %v", err)
	}
	second := mounted.ReadOnlyAt(t, point, target)
	if got, err := os.ReadFile(second.Path("sizes/text-100")); err != nil || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	second.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("clearing a mount whose process is gone")
	if mounted.At(t, point) {
		t.Error("something is still mounted")
	}
}

func TestSignalsAndUmountEndAMount(t *testing.T) {
	target := trees.MountedGolden(t)
	for _, signal := range []syscall.Signal{unix.SIGINT, unix.SIGTERM} {
		m := mounted.ReadOnly(t, target)
		m.End(signal).MustExit(harness.ExitOK).MustSay("unmounted")
		if mounted.At(t, m.Point) {
			t.Errorf("after %s something is still mounted", signal)
		}
	}
	m := mounted.ReadOnly(t, target)
	if err := unix.Unmount(m.Point, 0); err != nil {
		t.Fatal(err)
	}
	m.Await().MustExit(harness.ExitOK).MustSay("unmounted")
}

func TestAFileThatIsOpenCanBeReadAfterTheUnmount(t *testing.T) {
	m := mounted.ReadOnly(t, trees.MountedGolden(t))
	f, err := os.Open(m.Path("sizes/text-8404993"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Command.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.AwaitLog("the mount point is in use")
	n, err := io.Copy(io.Discard, f)
	if err != nil || n != 8404993 {
		t.Errorf("%d bytes, %v", n, err)
	}
	f.Close()
	m.Await().MustExit(harness.ExitOK)
	if mounted.At(t, m.Point) {
		t.Error("something is still mounted")
	}
}

func TestDamageIsEIOAndNamedInTheLog(t *testing.T) {
	for _, b := range trees.BrokenContainers {
		t.Run(b.Name, func(t *testing.T) {
			target := harness.Loaded(t, trees.TwoSizes(t))
			blob, id := b.BlobOf(t, target)
			b.Change(t, filepath.Join(strings.TrimPrefix(target, "dir:"), blob))
			m := mounted.ReadOnly(t, target)
			if _, err := os.Lstat(m.Path(trees.BrokenFile)); b.Readable != (err == nil) || err != nil && !errors.Is(err, unix.EIO) {
				t.Errorf("lstat: %v", err)
			}
			if _, err := os.ReadFile(m.Path(trees.BrokenFile)); !errors.Is(err, unix.EIO) {
				t.Errorf("read: %v", err)
			}
			if got, err := os.ReadFile(m.Path("sizes/text-100")); err != nil || len(got) != 100 {
				t.Errorf("another file: %d bytes, %v", len(got), err)
			}
			m.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay(id, trees.BrokenFile, "level=ERROR")
		})
	}
}

func TestALostPartOfADirectoryHidesNoOther(t *testing.T) {
	target := trees.GoldenContainer(t, "lz4")
	out := harness.Clfsload(t, "stat", "--blobs", "--json", target, "/dir-two-other-segments").MustExit(harness.ExitOK).Stdout
	lost := segmentsIn(t, out)[0]
	whole := trees.ReadDirents(t, mounted.ReadOnly(t, target).Path("dir-two-other-segments"), 0)
	harness.Remove(t, filepath.Join(strings.TrimPrefix(target, "dir:"), lost.Blob))

	m := mounted.ReadOnly(t, target)
	directory := m.Path("dir-two-other-segments")
	if _, err := os.ReadDir(directory); !errors.Is(err, unix.EIO) {
		t.Errorf("listing: %v", err)
	}
	readable, unreadable := 0, 0
	for _, d := range whole {
		switch _, err := os.Lstat(filepath.Join(directory, d.Name)); {
		case err == nil:
			readable++
		case errors.Is(err, unix.EIO):
			unreadable++
		default:
			t.Fatal(err)
		}
	}
	if readable < 400 || unreadable < 1000 {
		t.Errorf("%d names can be looked up, %d cannot", readable, unreadable)
	}
	m.End(unix.SIGTERM).MustSay(lost.ID)
}

func TestRejectedCredentialsAreEACCES(t *testing.T) {
	server := blobserver.Start(t)
	url := server.NewContainer("golden") + "?sig=good"
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), trees.TwoSizes(t), url).MustExit(harness.ExitOK)
	m := mounted.ReadOnly(t, url)
	server.AcceptOnly("another")
	if _, err := os.ReadFile(m.Path("sizes/text-8404993")); !errors.Is(err, unix.EACCES) {
		t.Errorf("read: %v", err)
	}
	server.AcceptOnly("")
	if got, err := os.ReadFile(m.Path("sizes/text-8404993")); err != nil || len(got) != 8404993 {
		t.Errorf("with good credentials: %d bytes, %v", len(got), err)
	}
	log := m.End(unix.SIGTERM).MustExit(harness.ExitOK).MustSay("path=/sizes", "credentials")
	if strings.Contains(log.Stderr, "sig=good") {
		t.Errorf("the log has the SAS:\n%s", log.Stderr)
	}
}

// stuckServer is a blob service that leaves the Gets of one blob without an answer.
type stuckServer struct {
	*blobserver.Server
	blob    atomic.Value // string
	reached chan struct{}
	once    sync.Once
}

// ServeHTTP implements http.Handler.
func (s *stuckServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	blob, _ := s.blob.Load().(string)
	if blob == "" || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/"+blob) {
		s.Server.ServeHTTP(w, r)
		return
	}
	s.once.Do(func() { close(s.reached) })
	<-r.Context().Done()
}

// A read that waits for the service can be interrupted, and holds nobody up.
func TestAReaderOfAServiceThatHangsCanBeKilled(t *testing.T) {
	server := &stuckServer{Server: blobserver.New(), reached: make(chan struct{})}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	server.Endpoint = h.URL + "/account"
	url := server.NewContainer("golden") + "?sig=x"
	harness.Clfsload(t, "load", "--new", filepath.Join(t.TempDir(), "state"), trees.TwoSizes(t), url).MustExit(harness.ExitOK)
	segment := segmentsIn(t, harness.Clfsload(t, "stat", "--blobs", "--json", url, trees.BrokenFile).MustExit(harness.ExitOK).Stdout)[0]
	m := mounted.ReadOnly(t, url)
	server.blob.Store(segment.Blob)
	cat := exec.Command("cat", m.Path(trees.BrokenFile))
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	<-server.reached
	if got, err := os.ReadFile(m.Path("sizes/rand-16385")); err != nil || len(got) != 16385 {
		t.Errorf("another file: %d bytes, %v", len(got), err)
	}
	if err := cat.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cat.Wait(); err == nil {
		t.Error("cat read a segment that nobody sent")
	}
	m.End(unix.SIGTERM).MustExit(harness.ExitOK)
}

func TestWhatCannotBeMountedIsSaid(t *testing.T) {
	target, point := trees.MountedGolden(t), mounted.Point(t)
	busy := mounted.ReadOnly(t, target).Point
	file := filepath.Join(t.TempDir(), "file")
	harness.WriteFile(t, file, "x")
	for _, c := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{[]string{"mount", "--state", filepath.Join(t.TempDir(), "state"), "--target", "dir:" + filepath.Dir(file), point}, harness.ExitNotEmpty, "CLFS tree"},
		{[]string{"mount", "--read-only", "--settle", "1s", "--target", target, point}, harness.ExitUsage, "--settle"},
		{[]string{"mount", "--read-only", point}, harness.ExitUsage, "CLFSLOAD_TARGET"},
		{[]string{"mount", "--read-only", "--target", target}, harness.ExitUsage, "usage"},
		{[]string{"mount", "--read-only", "--log-file", "x", "--target", target, point}, harness.ExitUsage, "--daemon"},
		{[]string{"mount", "--read-only", "--target", target, point + "/nothing"}, harness.ExitMountPoint, "no such file"},
		{[]string{"mount", "--read-only", "--target", target, file}, harness.ExitMountPoint, "not a directory"},
		{[]string{"mount", "--read-only", "--target", target, busy}, harness.ExitMountPoint, "fuse.clfsload is mounted there"},
		{[]string{"mount", "--read-only", "--target", "dir:" + point, point}, harness.ExitUsage, "is inside MOUNTPOINT"},
		{[]string{"mount", "--read-only", "--target", "dir:" + t.TempDir(), point}, harness.ExitDamaged, "no bucket object"},
		{[]string{"mount", "--read-only", "--target", "dir:/does/not/exist", point}, harness.ExitNoContainer, "does not exist"},
	} {
		harness.Clfsload(t, c.arguments...).MustExit(c.code).MustBeOneLine().MustSay(c.says)
		if mounted.At(t, point) {
			t.Fatalf("%v left a mount behind", c.arguments)
		}
	}
}

// asNobodyWithoutFusermount runs the binary as an account without rights that finds
// no fusermount3, whether or not the machine has one.
func asNobodyWithoutFusermount(c *exec.Cmd) {
	const hide = `if [ -e /bin/fusermount3 ]; then mount --bind /dev/null /bin/fusermount3; fi
PATH=/does/not/exist exec /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`
	c.Args = append([]string{"unshare", "--mount", "sh", "-ec", hide, "sh"}, c.Args...)
	c.Path, c.Err = exec.LookPath("unshare")
	c.Dir = "/"
}

func TestOrdinaryUsersAreToldThatTheyNeedFusermount(t *testing.T) {
	target, point := trees.GoldenContainer(t, "lz4"), mounted.Point(t)
	harness.OpenToAll(t, point)
	harness.OpenToAll(t, strings.TrimPrefix(target, "dir:"))
	harness.Command(t, []string{"mount", "--read-only", "--target", target, point}, asNobodyWithoutFusermount).Start().Wait().
		MustExit(harness.ExitMountPoint).MustSay("fusermount3", "fuse3")
}

// readAsNobody reads a file as an account without rights.
func readAsNobody(path string) error {
	cat := exec.Command("cat", path)
	cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: harness.Nobody, Gid: harness.Nobody}}
	return cat.Run()
}

func TestOtherUsersGetInOnlyIfAllowedAndByTheirRights(t *testing.T) {
	source := t.TempDir()
	harness.WriteFile(t, filepath.Join(source, "public"), "x")
	harness.WriteFile(t, filepath.Join(source, "private"), "x")
	if err := errors.Join(os.Chmod(source, 0o755), os.Chmod(filepath.Join(source, "private"), 0o600)); err != nil {
		t.Fatal(err)
	}
	target, point := harness.Loaded(t, source), mounted.Point(t)
	harness.OpenToAll(t, point)
	closed := mounted.ReadOnlyAt(t, point, target)
	if readAsNobody(closed.Path("public")) == nil {
		t.Error("another user got in")
	}
	closed.End(unix.SIGTERM).MustExit(harness.ExitOK)
	open := mounted.ReadOnlyAt(t, point, target, "--allow-other")
	if err := readAsNobody(open.Path("public")); err != nil {
		t.Errorf("with --allow-other: %v", err)
	}
	if readAsNobody(open.Path("private")) == nil {
		t.Error("another user read a file of mode 0600")
	}
}

func TestADaemonServesWhenTheCommandReturns(t *testing.T) {
	target, point, home := trees.MountedGolden(t), mounted.Point(t), t.TempDir()
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	log := filepath.Join(home, "log")
	if err := unix.Mkfifo(log, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(log, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	start := []string{"mount", "--read-only", "--daemon", "--log-file", log, point}
	harness.Command(t, start, harness.WithEnvironment("CLFSLOAD_TARGET="+target)).Start().Wait().MustExit(harness.ExitOK)
	if got, err := os.ReadFile(filepath.Join(point, "sizes/text-100")); err != nil || len(got) != 100 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := unix.Unmount(point, 0); err != nil {
		t.Fatal(err)
	}
	// The log ends when the process does.
	text, err := io.ReadAll(fifo)
	if err != nil || !strings.Contains(string(text), "unmounted") {
		t.Errorf("log %q, %v", text, err)
	}
}

func TestADaemonThatCannotServeSaysWhy(t *testing.T) {
	target, home := trees.MountedGolden(t), t.TempDir()
	file := filepath.Join(home, "file")
	harness.WriteFile(t, file, "x")
	harness.Command(t, []string{"mount", "--read-only", "--daemon", "--target", target, file}, harness.WithEnvironment("XDG_STATE_HOME="+home)).Start().Wait().
		MustExit(harness.ExitMountPoint).MustBeOneLine().MustSay("not a directory")
	if left, err := os.ReadDir(home); err != nil || len(left) != 1 {
		t.Errorf("it left %v, %v", left, err)
	}
}
