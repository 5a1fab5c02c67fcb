package secrecy

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Secrets shorter or longer than this are not remembered: short ones are parts of ordinary words,
// and long ones are not credentials.
const (
	shortest = 6
	longest  = 16 << 10
)

var (
	learning sync.Mutex
	forms    = map[string]bool{} // of all secrets that are known
	replacer atomic.Pointer[strings.Replacer]
)

// Known replaces only the secrets that the process knows: output for programs must not change
// because it looks like a secret.
func Known(text string) string {
	if r := replacer.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// Learn remembers the secrets in a text that have the form of one.
func Learn(text string) {
	for _, secret := range find(text) {
		remember(secret)
		if _, password, ok := strings.Cut(secret, ":"); ok { // of user and password
			remember(password)
		}
	}
}

// Secret remembers a text that is a secret as a whole, and the secrets in it.
func Secret(text string) {
	remember(text)
	Learn(text)
}

// secretVariable is the name of a variable whose value is a secret.
var secretVariable = regexp.MustCompile(`^(?:AZURE|ARM|MSI|IDENTITY)_(?:\w*_)?(?:KEY|SECRET|PASSWORD|TOKEN|CONNECTION_STRING|HEADER)$`)

// Variable remembers the secrets in a variable of the environment.
func Variable(name, value string) {
	if secretVariable.MatchString(name) {
		Secret(value)
	} else {
		Learn(value)
	}
}

func remember(secret string) {
	secret = strings.TrimSpace(secret)
	if len(secret) < shortest || len(secret) > longest {
		return
	}
	learning.Lock()
	defer learning.Unlock()
	if forms[secret] {
		return
	}
	for _, form := range encodings(secret) {
		if len(form) >= shortest {
			forms[form] = true
		}
	}
	var pairs []string
	byLength := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	for _, form := range slices.SortedFunc(maps.Keys(forms), byLength) {
		pairs = append(pairs, form, mark)
	}
	replacer.Store(strings.NewReplacer(pairs...))
}

// encodings are the forms that a secret may have in a text.
func encodings(secret string) []string {
	list := []string{secret}
	for _, decode := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if plain, err := decode(secret); err == nil {
			list = append(list, plain)
		}
	}
	for _, plain := range slices.Clone(list) {
		query := url.QueryEscape(plain)
		list = append(list, query, url.PathEscape(plain), lowerEscapes(query), quoted(plain))
		if text, err := json.Marshal(plain); err == nil {
			list = append(list, strings.Trim(string(text), `"`))
		}
	}
	return list
}

func quoted(text string) string { return strings.Trim(strconv.Quote(text), `"`) }

var escape = regexp.MustCompile(`%[0-9A-F]{2}`)

// lowerEscapes writes percent-encoded bytes as %3d instead of %3D.
func lowerEscapes(text string) string { return escape.ReplaceAllStringFunc(text, strings.ToLower) }
