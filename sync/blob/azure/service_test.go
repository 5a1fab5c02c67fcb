package azure

import "testing"

func TestServiceOfConnectionString(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"endpoint", "AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:10000/a/", "http://127.0.0.1:10000/a"},
		{"suffix", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k;EndpointSuffix=core.chinacloudapi.cn", "https://a.blob.core.chinacloudapi.cn"},
		{"suffix without protocol", "AccountName=a;EndpointSuffix=core.windows.net", "https://a.blob.core.windows.net"},
		{"another account", "AccountName=b;EndpointSuffix=core.windows.net", ""},
		{"none", "AccountName=a;AccountKey=k", ""},
		{"empty", "", ""},
	} {
		if got := ServiceOf(c.text, "a"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
