package azure_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"clfsload/sync/blob"
	"clfsload/sync/blob/azure"
	"clfsload/tests/azurite"
	"clfsload/tests/blobserver"
)

func writeFile(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantUsable puts, gets, lists and deletes a blob.
func wantUsable(t *testing.T, c *azure.Container) {
	t.Helper()
	ctx := t.Context()
	const name = "0123_AB.00000000009.FFFFFFFF.0001"
	if err := c.Put(ctx, name, []byte("data")); err != nil {
		t.Fatal(err)
	}
	if o, err := c.Get(ctx, name, 1, 2); err != nil || string(o.Data) != "at" {
		t.Errorf("Get: %q, %v", o.Data, err)
	}
	if page, err := c.List(ctx, "0123_", ""); err != nil || len(page.Blobs) != 1 {
		t.Errorf("List: %v, %v", page, err)
	}
	if err := c.Delete(ctx, name); err != nil {
		t.Error(err)
	}
}

func TestEveryKindOfCredentialsOpensAContainer(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	url, token := s.ContainerURL(name), s.SAS(t, name)
	sasConnection := "BlobEndpoint=" + s.Endpoint + ";SharedAccessSignature=" + token
	tests := []struct {
		name, url string
		secrets   azure.Secrets
		want      string
	}{
		{"SAS in the URL", url + "?" + token, azure.Secrets{}, "SAS from the container's URL"},
		{"SAS", url, azure.Secrets{SAS: token}, "SAS from the options"},
		{"SAS with ?", url, azure.Secrets{SAS: "?" + token + "\n"}, "SAS from the options"},
		{"key", url, azure.Secrets{Key: azurite.Key}, "account key from the options"},
		{"key of a named account", url, azure.Secrets{Account: azurite.Account, Key: azurite.Key + "\n"}, "account key from the options"},
		{"connection string", url, azure.Secrets{ConnectionString: s.ConnectionString()}, "account key of a connection string from the options"},
		{"connection string with SAS", url, azure.Secrets{ConnectionString: sasConnection}, "SAS of a connection string from the options"},
		{"file with SAS", url, azure.Secrets{File: writeFile(t, "?"+token+"\n")}, "SAS from /"},
		{"file with URL", url, azure.Secrets{File: writeFile(t, url+"?"+token+"\n")}, "SAS from /"},
		{"file with key", url, azure.Secrets{File: writeFile(t, azurite.Key+"\n")}, "account key from /"},
		{"file with connection string", url, azure.Secrets{File: writeFile(t, s.ConnectionString()+"\n")}, "account key of a connection string from /"},
		{"environment's SAS", url, azure.Secrets{Environment: azure.Environment{SAS: token}}, "SAS from AZURE_STORAGE_SAS_TOKEN"},
		{"environment's key", url, azure.Secrets{Environment: azure.Environment{Account: azurite.Account, Key: azurite.Key}}, "account key from AZURE_STORAGE_KEY"},
		{"environment's connection string", url, azure.Secrets{Environment: azure.Environment{ConnectionString: s.ConnectionString()}}, "account key of a connection string from AZURE_STORAGE_CONNECTION_STRING"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := azure.ParseURL(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			cred, err := tt.secrets.Credentials(u)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(cred.String(), tt.want) {
				t.Errorf("credentials are %q, want %q", cred, tt.want)
			}
			wantUsable(t, open(t, tt.url, tt.secrets))
		})
	}
}

func sasUntil(end time.Time, signature string) string {
	return "sv=2021-12-02&se=" + end.UTC().Format("2006-01-02T15:04:05Z") + "&sr=c&sp=rl&sig=" + signature
}

func TestCredentialsAreTakenInOrder(t *testing.T) {
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	full := azure.Secrets{
		SAS:              sasUntil(soon, "B"),
		Key:              azurite.Key,
		ConnectionString: "AccountName=acct;AccountKey=" + azurite.Key,
		File:             writeFile(t, azurite.Key),
		Environment: azure.Environment{
			SAS: sasUntil(soon, "C"), Account: "acct", Key: azurite.Key,
			ConnectionString: "AccountName=acct;AccountKey=" + azurite.Key,
		},
	}
	const url = "https://acct.blob.core.windows.net/data"
	steps := []struct {
		url    string
		remove func(*azure.Secrets)
		want   string
	}{
		{url + "?" + sasUntil(soon, "A"), func(*azure.Secrets) {}, "SAS from the container's URL"},
		{url + "?" + sasUntil(past, "A"), func(*azure.Secrets) {}, "SAS from the options"},
		{url, func(*azure.Secrets) {}, "SAS from the options"},
		{url, func(s *azure.Secrets) { s.SAS = sasUntil(past, "B") }, "account key from the options"},
		{url, func(s *azure.Secrets) { s.Key = "" }, "account key of a connection string from the options"},
		{url, func(s *azure.Secrets) { s.ConnectionString = "" }, "account key from /"},
		{url, func(s *azure.Secrets) { s.File = "" }, "SAS from AZURE_STORAGE_SAS_TOKEN"},
		{url, func(s *azure.Secrets) { s.Environment.SAS = "" }, "account key from AZURE_STORAGE_KEY"},
		{url, func(s *azure.Secrets) { s.Environment.Key = "" }, "account key of a connection string from AZURE_"},
		{url, func(s *azure.Secrets) { s.Environment.ConnectionString = "" }, "SAS from the options"},
		{url, func(s *azure.Secrets) { s.SAS = "" }, "Microsoft Entra ID"},
	}
	for _, step := range steps {
		step.remove(&full)
		u, err := azure.ParseURL(step.url)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := full.Credentials(u)
		if err != nil || !strings.HasPrefix(cred.String(), step.want) {
			t.Errorf("credentials are %q, %v; want %q", cred, err, step.want)
		}
	}
}

func TestUnusableCredentialsAreRefusedWithoutRepeatingThem(t *testing.T) {
	const url, custom = "https://acct.blob.core.windows.net/data", "https://blobs.example.com/data"
	tests := []struct {
		url     string
		secrets azure.Secrets
		want    string
	}{
		{url, azure.Secrets{SAS: "topsecret"}, "not a shared access signature"},
		{url, azure.Secrets{Key: "topsecret!"}, "not base64"},
		{url, azure.Secrets{Account: "other", Key: azurite.Key}, "of account other, but the container is in account acct"},
		{custom, azure.Secrets{Key: azurite.Key}, "account's name is needed"},
		{url, azure.Secrets{ConnectionString: "AccountName=topsecret"}, "neither AccountKey= nor"},
		{url, azure.Secrets{ConnectionString: "AccountName=other;AccountKey=" + azurite.Key}, "of account other"},
		{url, azure.Secrets{File: writeFile(t, "topsecret")}, "neither a SAS, nor an account key"},
		{url, azure.Secrets{File: writeFile(t, "")}, "neither a SAS, nor an account key"},
		{url, azure.Secrets{File: "/does/not/exist"}, "no such file"},
		{url, azure.Secrets{Environment: azure.Environment{Account: "other", Key: azurite.Key}}, "of account other"},
		{"http://127.0.0.1:10000/acct/data", azure.Secrets{}, "Entra ID needs an https endpoint"},
	}
	for _, tt := range tests {
		u, err := azure.ParseURL(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tt.secrets.Credentials(u)
		if !errors.Is(err, blob.ErrCredentials) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error is %v, want %q", err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), azurite.Key)) {
			t.Errorf("error repeats the secret: %v", err)
		}
	}
	u, err := azure.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := azure.Open(azure.Config{URL: u}); !errors.Is(err, blob.ErrCredentials) {
		t.Errorf("Open without credentials: %v", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	secrets := azure.Secrets{
		SAS: "sig=topsecret", Key: "topsecret", ConnectionString: "topsecret",
		Environment: azure.Environment{Key: "topsecret", SAS: "sig=topsecret", ConnectionString: "topsecret"},
	}
	u, err := azure.ParseURL("https://acct.blob.core.windows.net/data?sig=topsecret")
	if err != nil {
		t.Fatal(err)
	}
	cred, err := secrets.Credentials(u)
	if err != nil {
		t.Fatal(err)
	}
	config := azure.Config{URL: u, Credentials: cred}
	for _, v := range []any{secrets, &secrets, secrets.Environment, cred, u, config} {
		text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v)
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%T: %v", v, err)
		}
		if strings.Contains(text+string(encoded), "topsecret") {
			t.Errorf("%T shows its secret: %s %s", v, text, encoded)
		}
	}
}

func TestNewCredentialsAreUsedAtOnce(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	all := sas.ContainerPermissions{Read: true, Write: true, Create: true, Delete: true, List: true}
	file := writeFile(t, s.SASFor(t, name, all, time.Now().Add(-time.Minute)))
	secrets := azure.Secrets{File: file}
	c := open(t, s.ContainerURL(name), secrets)
	if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrCredentials) {
		t.Fatalf("Put with an expired SAS: %v", err)
	}
	if err := os.WriteFile(file, []byte(s.SAS(t, name)), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := azure.ParseURL(s.ContainerURL(name))
	if err != nil {
		t.Fatal(err)
	}
	cred, err := secrets.Credentials(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetCredentials(cred); err != nil {
		t.Fatal(err)
	}
	wantUsable(t, c)
}

func TestSASWithoutThePermissionIsErrPermission(t *testing.T) {
	s := azurite.Start(t)
	name := s.NewContainer(t)
	read := s.SASFor(t, name, sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour))
	c := open(t, s.ContainerURL(name), azure.Secrets{SAS: read})
	if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrPermission) {
		t.Errorf("Put with a SAS that may only read: %v", err)
	}
	if ok, err := c.Exists(t.Context()); err != nil || !ok {
		t.Errorf("Exists: %v, %v", ok, err)
	}
}

// tokens is a source of OAuth tokens.
type tokens struct {
	token string
	err   error
	asked atomic.Int32
}

func (s *tokens) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.asked.Add(1)
	return azcore.AccessToken{Token: s.token, ExpiresOn: time.Now().Add(time.Hour)}, s.err
}

// openTLS opens a container on a server with TLS, by tokens of source.
func openTLS(t *testing.T, source *tokens) (*blobserver.Server, *azure.Container) {
	t.Helper()
	s := blobserver.New()
	h := httptest.NewTLSServer(s)
	t.Cleanup(h.Close)
	s.NewContainer("data")
	u, err := azure.ParseURL(h.URL + "/acct/data")
	if err != nil {
		t.Fatal(err)
	}
	c, err := azure.Open(azure.Config{URL: u, Credentials: azure.TokenCredentials(source)})
	if err != nil {
		t.Fatal(err)
	}
	c.SetTLS(h.Client().Transport.(*http.Transport).TLSClientConfig.Clone())
	return s, c
}

func TestTokensAreSentAndKept(t *testing.T) {
	source := &tokens{token: "token-of-the-test"}
	s, c := openTLS(t, source)
	s.AcceptOnly("Bearer token-of-the-test")
	wantUsable(t, c)
	if n := source.asked.Load(); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
}

func TestRefusedLoginIsErrCredentials(t *testing.T) {
	_, c := openTLS(t, &tokens{err: errors.New("login failed\nclient_secret=topsecret")})
	err := c.Put(t.Context(), "a", nil)
	if !errors.Is(err, blob.ErrCredentials) || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Put: %v", err)
	}
}

func TestUntrustedCertificateIsNotRepeated(t *testing.T) {
	s, c := openTLS(t, &tokens{token: "any"})
	c.SetTLS(&tls.Config{})
	start := time.Now()
	if err := c.Put(t.Context(), "a", nil); !errors.Is(err, blob.ErrUnexpected) {
		t.Errorf("Put: %v", err)
	}
	if n := s.Counts().Requests["Put"]; n != 0 || time.Since(start) > 10*time.Second {
		t.Errorf("%d requests in %v", n, time.Since(start))
	}
}
