package fusefs

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// go-fuse calls the handler where a request has panicked.
func TestARequestThatPanicsIsEIOAndLogged(t *testing.T) {
	var log strings.Builder
	o := MountOptions("source", false, slog.New(slog.NewTextHandler(&log, nil)))
	var status fuse.Status
	func() {
		defer func() { status = o.PanicHandler(recover()) }()
		panic("nobody has thought of this request")
	}()
	if status != fuse.EIO || !strings.Contains(log.String(), "nobody has thought of this request") {
		t.Errorf("status %v, log %q", status, log.String())
	}
}
