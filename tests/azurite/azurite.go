package azurite

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// The account that every Azurite has.
const (
	Account = "devstoreaccount1"
	Key     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// startTimeout is how long Azurite may take until it listens.
const startTimeout = 60 * time.Second

// Server is a running Azurite.
type Server struct {
	// Endpoint is the blob service's URL, the account included, without a slash at
	// the end.
	Endpoint string

	mu         sync.Mutex
	containers int
}

// ConnectionString gives access to all of the account.
func (s *Server) ConnectionString() string {
	return fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=%s;", Account, Key, s.Endpoint)
}

// ContainerURL returns the URL of a container, without a SAS.
func (s *Server) ContainerURL(name string) string {
	return s.Endpoint + "/" + name
}

// UnusedName returns the name of a container that does not exist.
func (s *Server) UnusedName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers++
	return fmt.Sprintf("test-%d-%d", os.Getpid(), s.containers)
}

// NewContainer makes an empty container that is deleted when the test ends, and
// returns its name.
func (s *Server) NewContainer(t testing.TB) (name string) {
	t.Helper()
	name = s.UnusedName()
	client, err := container.NewClientWithSharedKeyCredential(s.ContainerURL(name), sharedKey(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatalf("create container %s in Azurite: %v", name, err)
	}
	t.Cleanup(func() {
		if _, err := client.Delete(context.Background(), nil); err != nil {
			t.Errorf("delete container %s in Azurite: %v", name, err)
		}
	})
	return name
}

// SAS returns a shared access signature of a container without a leading "?", that
// allows everything that can be done with a container's blobs for a day.
func (s *Server) SAS(t testing.TB, containerName string) string {
	t.Helper()
	all := sas.ContainerPermissions{Read: true, Add: true, Create: true, Write: true, Delete: true, List: true}
	return s.SASFor(t, containerName, all, time.Now().Add(24*time.Hour))
}

// SASFor returns a shared access signature with the given permissions that ends at
// expires, which may be in the past.
func (s *Server) SASFor(t testing.TB, containerName string, p sas.ContainerPermissions, expires time.Time) string {
	t.Helper()
	values := sas.BlobSignatureValues{
		Version:       sas.Version,
		Protocol:      sas.ProtocolHTTPSandHTTP,
		StartTime:     expires.Add(-48 * time.Hour).UTC(),
		ExpiryTime:    expires.UTC(),
		Permissions:   p.String(),
		ContainerName: containerName,
	}
	query, err := values.SignWithSharedKey(sharedKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return query.Encode()
}

func sharedKey(t testing.TB) *container.SharedKeyCredential {
	t.Helper()
	key, err := container.NewSharedKeyCredential(Account, Key)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Start returns the test binary's Azurite, and starts it on the first call.
func Start(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Azurite")
	}
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var shared = sync.OnceValues(start)

func start() (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	endpoint := make(chan string, 1)
	failed := make(chan error, 1)
	go serve(program, endpoint, failed)
	select {
	case e := <-endpoint:
		return &Server{Endpoint: e + "/" + Account}, nil
	case err := <-failed:
		return nil, err
	case <-time.After(startTimeout):
		return nil, fmt.Errorf("%s does not listen after %v", program, startTimeout)
	}
}

// find returns the path of azurite-blob.
func find() (string, error) {
	if p := os.Getenv("CLFSLOAD_AZURITE"); p != "" {
		return p, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	p := filepath.Join(root, "build/azurite/node_modules/.bin/azurite-blob")
	if _, err := os.Stat(p); err != nil {
		return "", fmt.Errorf("azurite is missing, run make test-deps: %w", err)
	}
	return p, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
	return "", err
}

// serve runs Azurite until it ends. The kernel sends the death signal when the
// thread that started the process ends, so this goroutine keeps its thread.
func serve(program string, endpoint chan<- string, failed chan<- error) {
	runtime.LockOSThread()
	cmd := exec.Command(program, "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck",
		"--disableTelemetry", "--silent")
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		failed <- err
		return
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		failed <- err
		return
	}
	text := watch(out, endpoint)
	failed <- fmt.Errorf("%s ended (%w): %s", program, cmp.Or(cmd.Wait(), io.EOF), text)
}

// watch reads all that Azurite prints, sends the address that it listens on, and
// returns the last line.
func watch(out io.Reader, endpoint chan<- string) (last string) {
	const listens = "successfully listens on "
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		last = lines.Text()
		if _, address, ok := strings.Cut(last, listens); ok {
			endpoint <- strings.TrimSpace(address)
		}
	}
	return last
}
