package secrecy

import (
	"regexp"
	"strings"
)

// mark replaces a secret.
const mark = "[secret]"

// Parts of the patterns. An equals sign or an ampersand may be percent-encoded, several
// times over, or escaped as in JSON.
const (
	equals = `(?:=|%(?:25)*3d|\\u003d)`
	and    = `(?:&|\\u0026|%(?:25)*26)`
	word   = `[^\s"'&;,<>\\]` // of a value that ends where a query, a list or a quotation goes on
)

// patterns find secrets by their form. The group "secret" is the secret itself, the groups "keep"
// and "rest" stay in the text, and the rest of a match is replaced.
var patterns = compile(
	// a shared access signature, with the parameters around it
	`(?:\?[^\s"'\\]*?)?(?:[a-z]{2,6}=[^\s"'&\\]*(?:&|\\u0026))*sig`+equals+`(?P<secret>[^\s"'&;,:<>\\]+)(?:`+and+`[^\s"'\\]*)*`,
	// the query of a URL
	`(?P<keep>[a-z][a-z0-9+.-]*://[^\s"'?]*\?)(?P<secret>[^\s"'\\]+)`,
	// user and password in a URL
	`(?P<keep>://)(?P<secret>[^\s"'/?#@:]+:[^\s"']*|[^\s"'/?#@:]+)(?P<rest>@)`,
	// fields of connection strings, of queries, of JSON, of the environment
	`(?P<keep>(?:account[_-]?key|shared[_-]?access[_-]?(?:signature|key)|client[_-]?secret|assertion|passw(?:or)?d|`+
		`(?:access|refresh|id)_token|storage_key|sas[_-]?token)(?:`+equals+`|\\?"\s*:\s*\\?"))(?P<secret>`+word+`+)`,
	// the header Authorization, or its value alone
	`(?P<keep>\bauthorization\\?"?\s*[:=]\s*\[?\\?"?(?:[a-z]+\s+)?)(?P<secret>[^\s"',;\\\]]+)`,
	`(?P<keep>\bshared_?key(?:lite)?\s+[a-z0-9]+:)(?P<secret>`+word+`+)`,
	`(?P<keep>\bbearer\s+)(?P<secret>[a-z0-9._~+/=-]{8,})`,
	// a token of Microsoft Entra ID
	`(?P<secret>\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?)`,
	// an account key, and a signature that stands alone: 64 and 32 bytes in base64
	`(?P<secret>(?:[a-z0-9+/]|%2[bf]){86,}(?:=|%3d){2})(?P<rest>$|[^a-z0-9=])`,
	`(?P<keep>^|[^a-z0-9+/%])(?P<secret>(?:[a-z0-9+/]|%2[bf]){43}(?:=|%3d))(?P<rest>$|[^a-z0-9=])`,
)

type pattern struct {
	*regexp.Regexp
	secret  int // number of the group
	replace string
}

func compile(texts ...string) []pattern {
	var list []pattern
	for _, text := range texts {
		p := pattern{Regexp: regexp.MustCompile(`(?i)` + text), replace: mark}
		p.secret = p.SubexpIndex("secret")
		if p.SubexpIndex("keep") > 0 {
			p.replace = "${keep}" + p.replace
		}
		if p.SubexpIndex("rest") > 0 {
			p.replace += "${rest}"
		}
		list = append(list, p)
	}
	return list
}

// Text replaces secrets, and texts that look like secrets.
func Text(text string) string {
	text = Known(text)
	for _, p := range patterns {
		text = p.ReplaceAllString(text, p.replace)
	}
	return text
}

// Mask replaces the same texts as Text, by as many asterisks.
func Mask(text string) string {
	for _, secret := range find(text) {
		text = strings.ReplaceAll(text, secret, strings.Repeat("*", len(secret)))
	}
	return text
}

// Suspect reports whether a text contains something with the form of a secret.
func Suspect(text string) bool { return len(find(text)) > 0 }

// find returns the secrets in a text that have the form of one.
func find(text string) (secrets []string) {
	for _, p := range patterns {
		for _, m := range p.FindAllStringSubmatchIndex(text, -1) {
			secrets = append(secrets, text[m[2*p.secret]:m[2*p.secret+1]])
		}
	}
	return secrets
}
