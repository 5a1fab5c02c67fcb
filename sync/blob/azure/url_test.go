package azure_test

import (
	"fmt"
	"strings"
	"testing"

	"clfsload/sync/blob/azure"
)

func TestParseURLUnderstandsEveryEndpoint(t *testing.T) {
	tests := []struct{ text, account, container, shown string }{
		{"https://acct.blob.core.windows.net/data", "acct", "data", ""},
		{"https://acct.blob.core.windows.net/data/", "acct", "data", "https://acct.blob.core.windows.net/data"},
		{"  https://acct.blob.core.windows.net/data\n", "acct", "data", "https://acct.blob.core.windows.net/data"},
		{"https://acct.blob.core.windows.net/data?sv=1&sig=topsecret", "acct", "data", "https://acct.blob.core.windows.net/data"},
		{"https://acct.z01.blob.storage.azure.net/data", "acct", "data", ""},
		{"https://acct.blob.core.usgovcloudapi.net/data", "acct", "data", ""},
		{"https://acct.blob.core.chinacloudapi.cn/a-1-b", "acct", "a-1-b", ""},
		{"https://blobs.example.com/data", "", "data", ""},
		{"https://blobs.example.com:8443/data", "", "data", ""},
		{"http://127.0.0.1:10000/devstoreaccount1/data", "devstoreaccount1", "data", ""},
		{"http://[::1]:10000/devstoreaccount1/data", "devstoreaccount1", "data", ""},
		{"http://localhost:10000/devstoreaccount1/data", "devstoreaccount1", "data", ""},
		{"http://azurite.default.svc:10000/devstoreaccount1/data", "devstoreaccount1", "data", ""},
	}
	for _, tt := range tests {
		u, err := azure.ParseURL(tt.text)
		if err != nil {
			t.Errorf("ParseURL(%q): %v", tt.text, err)
			continue
		}
		if tt.shown == "" {
			tt.shown = tt.text
		}
		if u.Account() != tt.account || u.Container() != tt.container || u.String() != tt.shown {
			t.Errorf("ParseURL(%q) is account %q, container %q, %q", tt.text, u.Account(), u.Container(), u)
		}
		for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
			if text := fmt.Sprintf(verb, u); strings.Contains(text, "topsecret") {
				t.Errorf("%s shows the SAS: %s", verb, text)
			}
		}
	}
}

func TestParseURLSaysWhatIsWrong(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "does not begin with https://"},
		{"data", "does not begin with https://"},
		{"ftp://acct.blob.core.windows.net/data", "does not begin with https://"},
		{"https://", "names no host"},
		{"https:///data", "names no host"},
		{"https://acct.blob.core.windows.net", "names no container"},
		{"https://acct.blob.core.windows.net/?sig=topsecret", "names no container"},
		{"http://127.0.0.1:10000/devstoreaccount1", "names no container"},
		{"http://127.0.0.1:10000/", "not an account name"},
		{"https://acct.blob.core.windows.net/data/sub", "something inside a container"},
		{"https://acct.blob.core.windows.net/Data?sig=topsecret", "not a container name"},
		{"https://acct.blob.core.windows.net/da", "not a container name"},
		{"https://acct.blob.core.windows.net/-data", "not a container name"},
		{"https://acct.blob.core.windows.net/data--x", "not a container name"},
		{"https://acct.blob.core.windows.net/$root", "not a container name"},
		{"https://acct.blob.core.windows.net/" + strings.Repeat("x", 64), "not a container name"},
		{"https://user:topsecret@acct.blob.core.windows.net/data", "user name or password"},
		{"https://acct.blob.core.windows.net/data?topsecret", "not a shared access signature"},
		{"http://127.0.0.1:port/x", "not a URL"},
	}
	for _, tt := range tests {
		_, err := azure.ParseURL(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseURL(%q): error %v, want %q", tt.text, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("ParseURL(%q) repeats the secret: %v", tt.text, err)
		}
	}
}

func TestNewURLIsThePublicCloud(t *testing.T) {
	u, err := azure.NewURL("acct", "data")
	if err != nil || u.String() != "https://acct.blob.core.windows.net/data" {
		t.Errorf("NewURL: %v, %v", u, err)
	}
	for _, names := range [][2]string{{"", "data"}, {"Acct", "data"}, {"acct/x", "data"}, {"acct", ""}, {"acct", "a/b"}} {
		if u, err := azure.NewURL(names[0], names[1]); err == nil {
			t.Errorf("NewURL(%q) is %v", names, u)
		}
	}
}
