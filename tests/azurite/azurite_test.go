package azurite_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"clfsload/tests/azurite"
)

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestSASOpensTheContainerUntilItExpires(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	list := s.ContainerURL(name) + "?restype=container&comp=list"
	expired := s.SASFor(t, name, sas.ContainerPermissions{List: true}, time.Now().Add(-time.Minute))
	tests := []struct {
		name, url string
		want      int
	}{
		{"valid", list + "&" + s.SAS(t, name), http.StatusOK},
		{"expired", list + "&" + expired, http.StatusForbidden},
		{"none", list, http.StatusForbidden},
	}
	for _, tt := range tests {
		if got := status(t, tt.url); got != tt.want {
			t.Errorf("%s SAS: status %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestOneServerServesAllTests(t *testing.T) {
	first, second := azurite.Start(t), azurite.Start(t)
	if first != second {
		t.Errorf("Start started a second Azurite: %s, %s", first.Endpoint, second.Endpoint)
	}
	if a, b := first.NewContainer(t), first.NewContainer(t); a == b {
		t.Error("NewContainer returned a name twice")
	}
	if !strings.HasPrefix(first.Endpoint, "http://127.0.0.1:") {
		t.Errorf("Azurite listens on %s", first.Endpoint)
	}
}
