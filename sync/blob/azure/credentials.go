package azure

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"clfsload/sync/blob"
	"clfsload/sync/blob/secrecy"
)

// Secrets has the possible sources of credentials. Credentials uses the first of these that is
// present:
//
//  1. the SAS in the container's URL
//  2. SAS
//  3. Key, of Account
//  4. ConnectionString
//  5. the file File
//  6. Environment, in the same order
//  7. Microsoft Entra ID by azidentity's default chain: its own environment
//     variables, workload identity, managed identity, Azure CLI and the like
//
// An expired SAS is skipped, unless it is the last of them.
//
// A SAS may begin with "?" and may be a whole URL that ends with it. Without Account, the account's
// name comes from the container's URL.
type Secrets struct {
	SAS              string
	Account          string
	Key              string // base64
	ConnectionString string

	// File is the path of a file that holds a SAS, a key or a connection string, recognized by its
	// form. It is read each time Credentials is called.
	File string

	// Environment holds the values of the variables that Azure's tools share.
	Environment Environment
}

// Environment has the values of the environment variables AZURE_STORAGE_...
type Environment struct {
	Account          string // AZURE_STORAGE_ACCOUNT
	Key              string // AZURE_STORAGE_KEY
	SAS              string // AZURE_STORAGE_SAS_TOKEN
	ConnectionString string // AZURE_STORAGE_CONNECTION_STRING
}

// String hides the secrets.
func (Secrets) String() string { return "(secrets)" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "(secrets)" }

// MarshalText hides the secrets from encoders of logs.
func (Secrets) MarshalText() ([]byte, error) { return []byte("(secrets)"), nil }

// String hides the secrets.
func (Environment) String() string { return "(secrets)" }

// GoString hides the secrets.
func (Environment) GoString() string { return "(secrets)" }

// MarshalText hides the secrets from encoders of logs.
func (Environment) MarshalText() ([]byte, error) { return []byte("(secrets)"), nil }

// Credentials opens a container. Two of them can be compared with ==.
type Credentials struct {
	source  string // for messages
	sas     string
	account string
	key     string
	token   azcore.TokenCredential
}

// TokenCredentials uses an OAuth token source, which needs an https endpoint.
func TokenCredentials(token azcore.TokenCredential) Credentials {
	return Credentials{source: "Microsoft Entra ID", token: &tokenSource{token}}
}

// tokenSource marks the errors of a source of tokens.
type tokenSource struct{ source azcore.TokenCredential }

func (t *tokenSource) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.source.GetToken(ctx, options)
	if err != nil {
		return token, tokenError{err}
	}
	return token, nil
}

// tokenError is an error of a source of tokens.
type tokenError struct{ error }

func (e tokenError) Unwrap() error { return e.error }

// String names the kind of the credentials and their source.
func (c Credentials) String() string { return c.source }

// GoString is String.
func (c Credentials) GoString() string { return c.source }

// Credentials returns the credentials for the container u. If they were refused, it may be called
// again, to see whether the file has new ones. Its errors wrap blob.ErrCredentials and contain no
// secret.
func (s Secrets) Credentials(u URL) (Credentials, error) {
	c, err := s.choose(u, time.Now())
	if err == nil && c == (Credentials{}) {
		c, err = entraID(u)
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("%w: %w", blob.ErrCredentials, err)
	}
	return c, nil
}

// choose returns the first credentials that are given and not expired, else the
// first expired ones, else none.
func (s Secrets) choose(u URL, now time.Time) (Credentials, error) {
	given := []struct {
		text  string
		parse func(text string) (Credentials, error)
		from  string
	}{
		{u.sas, sasCredentials, "the container's URL"},
		{s.SAS, sasCredentials, "the options"},
		{s.Key, keyCredentials(s.Account, u), "the options"},
		{s.ConnectionString, connectionCredentials(u), "the options"},
		{s.File, fileCredentials(s.Account, u), s.File},
		{s.Environment.SAS, sasCredentials, "AZURE_STORAGE_SAS_TOKEN"},
		{s.Environment.Key, keyCredentials(s.Environment.Account, u), "AZURE_STORAGE_KEY"},
		{s.Environment.ConnectionString, connectionCredentials(u), "AZURE_STORAGE_CONNECTION_STRING"},
	}
	var expired Credentials
	for _, g := range given {
		if g.text == "" {
			continue
		}
		c, err := g.parse(g.text)
		if err != nil {
			return Credentials{}, fmt.Errorf("%s: %w", g.from, err)
		}
		c.source += " from " + g.from
		if !sasExpired(c.sas, now) {
			return c, nil
		}
		if expired == (Credentials{}) {
			expired = c
		}
	}
	return expired, nil
}

func sasCredentials(text string) (Credentials, error) {
	secrecy.Secret(text)
	sas, err := parseSAS(text)
	return Credentials{source: "SAS", sas: sas}, err
}

// parseSAS returns a SAS without a "?" or URL before it.
func parseSAS(text string) (string, error) {
	text = strings.TrimSpace(text)
	if _, query, ok := strings.Cut(text, "?"); ok {
		text = query
	}
	text = strings.Trim(text, "&")
	if values, err := url.ParseQuery(text); err != nil || values.Get("sig") == "" {
		return "", errors.New("this is not a shared access signature (SAS): it has no sig=")
	}
	return text, nil
}

// sasExpired reports whether the end of the SAS is before now.
func sasExpired(sas string, now time.Time) bool {
	values, err := url.ParseQuery(sas)
	if err != nil {
		return false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z", "2006-01-02"} {
		if end, err := time.Parse(layout, values.Get("se")); err == nil {
			return !now.Before(end)
		}
	}
	return false
}

func keyCredentials(account string, u URL) func(string) (Credentials, error) {
	return func(key string) (Credentials, error) {
		key = strings.TrimSpace(key)
		secrecy.Secret(key)
		if _, err := base64.StdEncoding.DecodeString(key); err != nil {
			return Credentials{}, errors.New("this is not an account key: it is not base64")
		}
		return forAccount(Credentials{source: "account key", account: account, key: key}, u)
	}
}

// forAccount completes c with the account's name, and refuses one that is not u's.
func forAccount(c Credentials, u URL) (Credentials, error) {
	switch {
	case c.account == "" && u.account == "":
		return Credentials{}, fmt.Errorf("the account's name is needed, and %s does not contain it", u)
	case c.account == "":
		c.account = u.account
	case u.account != "" && c.account != u.account:
		return Credentials{}, fmt.Errorf("these are credentials of account %s, but the container is in account %s", c.account, u.account)
	}
	return c, nil
}

// connectionCredentials extracts the secret of a connection string. The address of the service is
// in the URL.
func connectionCredentials(u URL) func(string) (Credentials, error) {
	return func(text string) (Credentials, error) {
		fields := connectionFields(text)
		var c Credentials
		var err error
		switch {
		case fields["AccountKey"] != "":
			c, err = keyCredentials(fields["AccountName"], u)(fields["AccountKey"])
		case fields["SharedAccessSignature"] != "":
			c, err = sasCredentials(fields["SharedAccessSignature"])
		default:
			err = errors.New("the connection string has neither AccountKey= nor SharedAccessSignature=")
		}
		c.source += " of a connection string"
		return c, err
	}
}

func connectionFields(text string) map[string]string {
	fields := make(map[string]string)
	for field := range strings.SplitSeq(strings.TrimSpace(text), ";") {
		name, value, _ := strings.Cut(field, "=")
		fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return fields
}

// maxSecret is the maximum of bytes read from a file of credentials.
const maxSecret = 64 << 10

func fileCredentials(account string, u URL) func(string) (Credentials, error) {
	return func(path string) (Credentials, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return Credentials{}, fmt.Errorf("read credentials: %w", err)
		}
		text := strings.TrimSpace(string(content[:min(len(content), maxSecret)]))
		switch {
		case strings.Contains(text, "AccountKey=") || strings.Contains(text, "SharedAccessSignature="):
			return connectionCredentials(u)(text)
		case strings.Contains(text, "sig="):
			return sasCredentials(text)
		case isKey(text):
			return keyCredentials(account, u)(text)
		}
		return Credentials{}, errors.New("the file holds neither a SAS, nor an account key, nor a connection string")
	}
}

// isKey tells an account key, 64 bytes in base64, from other text.
func isKey(text string) bool {
	b, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(b) == 64
}

// entraID returns the credentials of azidentity's default chain, which sends no request before a
// token is needed.
func entraID(u URL) (Credentials, error) {
	if strings.HasPrefix(u.endpoint, "http://") {
		return Credentials{}, errors.New("no credentials were given, and Microsoft Entra ID needs an https endpoint")
	}
	options := &azidentity.DefaultAzureCredentialOptions{}
	options.Cloud = cloudOf(u)
	// Secrets are sent only to the login service, and to no other address that an answer may name.
	options.Transport = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	token, err := azidentity.NewDefaultAzureCredential(options)
	if err != nil {
		return Credentials{}, errors.New("Microsoft Entra ID: " + oneLine(redact(err.Error())))
	}
	return TokenCredentials(token), nil
}

// cloudOf returns the login service of an endpoint; for the zero value azidentity chooses.
func cloudOf(u URL) cloud.Configuration {
	switch {
	case strings.HasSuffix(u.endpoint, ".core.usgovcloudapi.net"):
		return cloud.AzureGovernment
	case strings.HasSuffix(u.endpoint, ".core.chinacloudapi.cn"):
		return cloud.AzureChina
	}
	return cloud.Configuration{}
}
