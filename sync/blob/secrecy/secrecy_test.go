package secrecy_test

import (
	"net/url"
	"strings"
	"testing"

	"clfsload/sync/blob/secrecy"
)

const accountKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

func TestTextHidesEveryFormOfASecret(t *testing.T) {
	for _, text := range []string{
		`sig=PLANTED`, `?sv=1&sig=PLANTED%3D&se=2`, `https://h/c?sv=1&sig=PLANTED`, `h/c?SIG=PLANTED`,
		`sv%3D1%26sig%3DPLANTED%253D`, `sig%253DPLANTED`, `sv=1\u0026sig=PLANTED\u003d`, `"h?sig=PLANTED": no`,
		`https://h/c?code=PLANTED`, `AccountName=a;AccountKey=PLANTED==;EndpointSuffix=x`, `accountkey%3DPLANTED`,
		`SharedAccessSignature=sv=1&sig=PLANTED`, `--account-key=PLANTED`, `AZURE_STORAGE_KEY=PLANTED`, `sas_token=PLANTED`,
		`Authorization: SharedKey acc:PLANTED=`, `SharedKey acc:PLANTED=`, `SharedKeyLite acc:PLANTED`, `Bearer PLANTEDPLANTED`,
		`Authorization:[Basic PLANTED=]`, `"Authorization":"Bearer PLANTED"`, `{"client_secret":"PLANTED"}`, `client_secret=PLANTED&x=1`,
		`http://user:PLANTED@proxy:3128/`, `http://user:p@PLANTED@proxy`, `http://user:p/PLANTED@proxy`, `https://PLANTED@host/c`,
		`{\"access_token\":\"PLANTED\"}`, `password=PLANTED`, `eyJhbGciOi.PLANTED.PLANTED`,
	} {
		if got := secrecy.Text(text); strings.Contains(got, "PLANTED") {
			t.Errorf("Text(%q) is %q", text, got)
		}
		if got := secrecy.Mask(text); strings.Contains(got, "PLANTED") || len(got) != len(text) {
			t.Errorf("Mask(%q) is %q", text, got)
		}
	}
	for _, text := range []string{accountKey, `"` + accountKey + `"`, "-k" + accountKey, url.QueryEscape(accountKey), accountKey[:43] + "="} {
		if got := secrecy.Text(text); strings.Contains(got, accountKey[10:30]) {
			t.Errorf("Text(%q) is %q", text, got)
		}
	}
}

func TestTextLeavesOrdinaryTextAlone(t *testing.T) {
	for _, text := range []string{
		"this is not a shared access signature (SAS): it has no sig=", "it has no sig=; check --credentials-env-file",
		"neither AccountKey= nor SharedAccessSignature=", "AZURE_STORAGE_KEY: this is not an account key: it is not base64",
		"AZURE_STORAGE_SAS_TOKEN: this is not a shared access signature", "put https://h/c/blob: status 403 AuthorizationFailure (x), request 4711",
		`open "/data/design=blue/what?.txt": no such file or directory`, "https://host:443/a b@c", "/warehouse/database/table/partitions/of/years/year=2024",
		"the password is wrong", "level=INFO msg=mounted target=https://account.blob.core.windows.net/projects",
		"0000006457871C6B_00000000000000000000000000000064.0002.0000006457871C6B.00000000009.FFFFFFFF.0002",
	} {
		if got := secrecy.Text(text); got != text {
			t.Errorf("Text(%q) is %q", text, got)
		}
		if got := secrecy.Mask(text); got != text {
			t.Errorf("Mask(%q) is %q", text, got)
		}
	}
}

func TestKnownSecretsAreHiddenInEveryEncoding(t *testing.T) {
	secrecy.Variable("AZURE_CLIENT_SECRET", `a"b&c d/e+f=`)
	secrecy.Variable("HTTPS_PROXY", "http://me:pass%2Fword@proxy:3128")
	secrecy.Learn("https://h/c?sv=1&sig=learned%2Bsignature%3D")
	secrecy.Secret("  the-contents-of-a-file\n")
	for _, text := range []string{
		`a"b&c d/e+f=`, `a\"b&c d/e+f=`, `a\"b\u0026c d/e+f=`, `a%22b%26c+d%2Fe%2Bf%3D`, `a%22b%26c+d%2fe%2bf%3d`, `a%22b&c%20d%2Fe+f=`,
		"pass%2Fword", "pass/word", "learned%2Bsignature%3D", "learned+signature=", "learned%2bsignature%3d", "the-contents-of-a-file",
	} {
		if got := secrecy.Known("before " + text + " after"); got != "before [secret] after" {
			t.Errorf("Known leaves %q", got)
		}
	}
	if got := secrecy.Known("sig=unknown"); got != "sig=unknown" {
		t.Errorf("Known changes what is only like a secret: %q", got)
	}
}

func TestShortValuesDoNotBlankOrdinaryWords(t *testing.T) {
	secrecy.Variable("AZURE_PASSWORD", "the")
	if got := secrecy.Known("the end"); got != "the end" {
		t.Errorf("%q", got)
	}
}
