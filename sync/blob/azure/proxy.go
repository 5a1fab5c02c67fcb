package azure

import (
	"errors"
	"net/http"
	"net/url"
)

// proxyFromEnvironment is that of net/http, whose errors quote parts of the address and
// so of the password in it.
func proxyFromEnvironment(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the environment's HTTPS_PROXY or HTTP_PROXY is not the address of a proxy")
	}
	return u, nil
}
