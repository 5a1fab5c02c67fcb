package azure

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// URL names a container, and may carry a SAS that opens it. See ParseURL.
type URL struct {
	endpoint  string // the service: scheme, host, for path-style addresses the account; no slash at the end
	account   string // empty if the address does not contain it
	container string
	sas       string // without "?"
}

// NewURL names a container of an account in the public cloud:
// https://ACCOUNT.blob.core.windows.net/CONTAINER.
func NewURL(account, container string) (URL, error) {
	if err := checkAccount(account); err != nil {
		return URL{}, err
	}
	return ParseURL("https://" + account + ".blob.core.windows.net/" + container)
}

// ServiceOf returns the address of the Blob service in a connection string for an account: its
// BlobEndpoint, or the address from its EndpointSuffix. It is empty if the string has none, or is
// of another account.
func ServiceOf(connectionString, account string) string {
	fields := connectionFields(connectionString)
	if name := fields["AccountName"]; name != "" && name != account {
		return ""
	}
	if endpoint := fields["BlobEndpoint"]; endpoint != "" {
		return strings.TrimRight(endpoint, "/")
	}
	suffix := fields["EndpointSuffix"]
	if suffix == "" {
		return ""
	}
	protocol := fields["DefaultEndpointsProtocol"]
	if protocol == "" {
		protocol = "https"
	}
	return protocol + "://" + account + ".blob." + suffix
}

// ParseURL understands the address of a container:
//
//	https://ACCOUNT.blob.core.windows.net/CONTAINER    public cloud; the same in any other
//	https://blobs.example.com/CONTAINER                custom domain: the account is not known from it
//	http://127.0.0.1:10000/ACCOUNT/CONTAINER           Azurite and other emulators, by IP address or a host name
//
// Each may be followed by "?" and a SAS. Errors do not repeat what follows the "?".
func ParseURL(text string) (URL, error) {
	address, query, _ := strings.Cut(strings.TrimSpace(text), "?")
	u, err := parseURL(address, query)
	if err != nil {
		return URL{}, fmt.Errorf("container URL %q: %w", withoutPassword(address), err)
	}
	return u, nil
}

func parseURL(address, query string) (URL, error) {
	p, err := url.Parse(address)
	switch {
	case err != nil:
		return URL{}, errors.New("not a URL")
	case p.Scheme != "https" && p.Scheme != "http":
		return URL{}, errors.New("does not begin with https:// or http://")
	case p.Host == "":
		return URL{}, errors.New("names no host")
	case p.User != nil:
		return URL{}, errors.New("contains a user name or password, which the service does not accept")
	}
	u := URL{endpoint: p.Scheme + "://" + p.Host}
	path := strings.Split(strings.Trim(p.EscapedPath(), "/"), "/")
	if pathStyle(p.Hostname(), len(path)) {
		u.account, path = path[0], path[1:]
		u.endpoint += "/" + u.account
		err = checkAccount(u.account)
	} else {
		u.account = accountOfHost(p.Hostname())
	}
	if err != nil {
		return URL{}, err
	}
	if u.container, err = containerOfPath(path); err != nil {
		return URL{}, err
	}
	if query != "" {
		u.sas, err = parseSAS(query)
	}
	return u, err
}

// pathStyle reports whether the account is the first part of the path, not of the
// host name: for IP addresses, host names without a dot, and where two names follow
// a host that is none of the service's.
func pathStyle(host string, parts int) bool {
	return net.ParseIP(host) != nil || !strings.Contains(host, ".") ||
		parts == 2 && !strings.Contains(host, ".blob.")
}

// accountOfHost returns the account in ACCOUNT.blob.SUFFIX.
func accountOfHost(host string) string {
	account, _, ok := strings.Cut(host, ".blob.")
	if !ok {
		return ""
	}
	account, _, _ = strings.Cut(account, ".") // ACCOUNT.z01.blob.…: a DNS zone endpoint
	return strings.TrimSuffix(account, "-secondary")
}

func containerOfPath(path []string) (string, error) {
	switch {
	case len(path) == 0 || path[0] == "":
		return "", errors.New("names no container: add /CONTAINER")
	case len(path) > 1:
		return "", errors.New("names something inside a container: end it after the container's name")
	}
	return path[0], checkContainer(path[0])
}

func checkAccount(name string) error {
	if len(name) < 3 || len(name) > 24 || strings.Trim(name, lowerAndDigits) != "" {
		return fmt.Errorf("%q is not an account name: 3 to 24 lower-case letters and digits", name)
	}
	return nil
}

const lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

func checkContainer(name string) error {
	if len(name) < 3 || len(name) > 63 || strings.Trim(name, lowerAndDigits+"-") != "" ||
		strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
		return fmt.Errorf("%q is not a container name: 3 to 63 lower-case letters, digits and single hyphens between them", name)
	}
	return nil
}

// withoutPassword removes the user information from an address that is refused.
func withoutPassword(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

// Account returns the storage account's name, or "" if the address is a custom
// domain.
func (u URL) Account() string { return u.account }

// Container returns the container's name.
func (u URL) Container() string { return u.container }

// String returns the address without the SAS.
func (u URL) String() string { return u.endpoint + "/" + u.container }

// GoString is String, so that no way of printing shows the SAS.
func (u URL) GoString() string { return u.String() }
