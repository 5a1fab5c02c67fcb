package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"clfsload/sync/openfiles"
	"clfsload/sync/outcome"
)

// A running load or mount answers on a unix socket in its state directory: HTTP with JSON. A load
// answers GET /status and PUT /limit. A mount also answers POST /flush, /publish and /unmount, and
// GET /publish, which lists the puts of a publication. Access to the socket is full control: it has
// mode 0600 in a directory of mode 0700.

const controlName = "control.sock"

// ErrNotRunning: no process answers on the socket of a state directory.
var ErrNotRunning = errors.New("no load or mount is running")

// StateWanted is the hint for a directory that is not a STATE.
const StateWanted = "STATE must be the state directory of a load or of a mount"

// socketPath returns a short path of the control socket: the address of a unix socket has room for
// 107 bytes, and STATE may be longer. The path is valid until dir is closed.
func socketPath(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), controlName)
}

// Server answers for a running load.
type Server struct {
	dir    *os.File
	server *http.Server
	ended  chan struct{}
}

// Serve opens the socket. The caller holds the lock of the state directory, so an existing socket
// was left by a dead process.
func Serve(stateDir string, h http.Handler) (*Server, error) {
	dir, err := os.Open(stateDir)
	if err != nil {
		return nil, err
	}
	l, err := listenControl(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open control socket: %w", err), dir.Close())
	}
	s := &Server{dir: dir, ended: make(chan struct{}),
		server: &http.Server{Handler: h, ReadTimeout: AnswerLimit, WriteTimeout: AnswerLimit}}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(openfiles.LimitConnections(l)) // ends with http.ErrServerClosed
	}()
	return s, nil
}

func listenControl(dir *os.File) (net.Listener, error) {
	path := socketPath(dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path) // in a directory that is closed to others
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close removes the socket.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.ended
	_ = s.dir.Close()
}

// Finish lets answers in progress complete, and removes the socket.
func (s *Server) Finish() {
	ctx, cancel := context.WithTimeout(context.Background(), AnswerLimit)
	defer cancel()
	_ = s.server.Shutdown(ctx)
	s.Close()
}

// AnswerLimit is the maximum time of answers and short requests.
const AnswerLimit = 10 * time.Second

// Patient lets a request take any time.
func Patient(w http.ResponseWriter) error {
	c := http.NewResponseController(w)
	return errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}))
}

// Ask sends a request to the process that runs on a state directory, and decodes its answer. It
// returns ErrNotRunning if there is no socket or no process behind it.
func Ask(ctx context.Context, stateDir, method, path string, body io.Reader, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, AnswerLimit)
	defer cancel()
	return Wait(ctx, stateDir, method, path, body, answer)
}

// Wait is Ask for long requests.
func Wait(ctx context.Context, stateDir, method, path string, body io.Reader, answer any) error {
	r, err := Request(ctx, stateDir, method, path, body)
	if err != nil {
		return err
	}
	defer r.Close()
	return json.NewDecoder(r).Decode(answer)
}

// Request is Wait for an answer that the caller reads.
func Request(ctx context.Context, stateDir, method, path string, body io.Reader) (io.ReadCloser, error) {
	dir, err := os.OpenFile(stateDir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, outcome.New(outcome.State, fmt.Errorf("open state: %w", err), StateWanted)
	}
	defer dir.Close()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socketPath(dir))
		}}}
	request, err := http.NewRequestWithContext(ctx, method, "http://clfsload"+path, body)
	if err != nil {
		return nil, err
	}
	r, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w on %s", ErrNotRunning, filepath.Clean(stateDir))
	case err != nil:
		return nil, fmt.Errorf("ask the process that runs on %s: %w", filepath.Clean(stateDir), err)
	case r.StatusCode != http.StatusOK:
		defer r.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		return nil, Refused{r.StatusCode, strings.TrimSpace(string(text))}
	}
	return r.Body, nil
}

// Refused is an answer with an error.
type Refused struct {
	Status int
	text   string
}

func (e Refused) Error() string { return e.text }

// AnswerJSON answers a request.
func AnswerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
