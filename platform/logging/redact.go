package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
)

const redacted = "[redacted]"

// secretNames are found inside attribute keys, compared in lower case and without separators.
var secretNames = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "bearer", "jwt", "apikey",
	"privatekey", "accesskey", "accountkey", "cookie", "credential", "dsn", "databaseurl", "pem",
}

var separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// Secret tells whether an attribute of this name is one whose text is never written.
func Secret(name string) bool {
	plain := strings.ToLower(separators.Replace(name))
	for _, secret := range secretNames {
		if strings.Contains(plain, secret) {
			return true
		}
	}
	return false
}

// masks find secrets in text by their form. Each pattern is only tried where one of its hints occurs, for speed.
var masks = []struct {
	hints       []string // in lower case
	pattern     *regexp.Regexp
	replacement string
}{
	{[]string{"-----begin"}, regexp.MustCompile(`(?is)-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|$)`), redacted},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]*(?:\.[\w-]*)*`), redacted},
	{[]string{"bearer"}, regexp.MustCompile(`(?i)\b(bearer\s+)[\w.~+/=-]{16,}`), "${1}" + redacted},
	{[]string{"basic"}, regexp.MustCompile(`(?i)\b(basic\s+)[\w+/=-]{16,}`), "${1}" + redacted},
	{[]string{"://"}, regexp.MustCompile(`(://[^\s:/?#"']*:)\S*@`), "${1}" + redacted + "@"},
	{[]string{"$2"}, regexp.MustCompile(`\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{1,53}`), redacted},
	{[]string{"sk-"}, regexp.MustCompile(`\bsk-[\w-]{16,}`), redacted},
	{[]string{"word=", "passwd=", "pwd=", "secret=", "token=", "key="}, regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api_?key)=)(?:"[^"]*"|'[^']*'|[^\s&,;]+)`), "${1}" + redacted},
	{[]string{`word"`, `passwd"`, `pwd"`, `secret"`, `token"`, `key"`}, regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api_?key)"\s*:\s*)"(?:[^"\\]|\\.)*"?`), `${1}"` + redacted + `"`},
}

// marks are characters one of which is in each form of secret; most of what is logged has none.
const marks = `. :=$"k`

// Mask replaces what looks like a secret in the text: PEM blocks, JSON web tokens, bearer and basic credentials, the
// password of a URL or connection string, bcrypt hashes, provider keys, and the values of fields named as secrets.
func Mask(text string) string {
	if !strings.ContainsAny(text, marks) {
		return text
	}
	lower := strings.ToLower(text)
	for _, m := range masks {
		if slices.ContainsFunc(m.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			text = m.pattern.ReplaceAllString(text, m.replacement)
		}
	}
	return text
}

// redact is called for every attribute that is not a group, the message included.
func redact(groups []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(text(a.Value.String(), secret(groups, a.Key)))
	case slog.KindAny:
		a.Value = slog.AnyValue(value(a.Value.Any(), secret(groups, a.Key)))
	}
	return a
}

func secret(groups []string, key string) bool {
	return Secret(key) || slices.ContainsFunc(groups, Secret)
}

func text(s string, secret bool) string {
	if secret && s != "" {
		return redacted
	}
	return Mask(s)
}

// value makes plain data of anything, so that no method or field of it gets past the masks. It changes nothing of v.
func value(v any, secret bool) any {
	switch v := v.(type) {
	case nil, time.Time, slog.Level, *slog.Source:
		return v
	case error:
		return text(v.Error(), secret)
	case []byte:
		return text(string(v), secret)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("[%T]", v)
	}
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		return fmt.Sprintf("[%T]", v)
	}
	return scrub(plain, secret)
}

// scrub redacts decoded JSON in place.
func scrub(plain any, secret bool) any {
	switch v := plain.(type) {
	case string:
		return text(v, secret)
	case []any:
		for i := range v {
			v[i] = scrub(v[i], secret)
		}
	case map[string]any:
		for name := range v {
			v[name] = scrub(v[name], secret || Secret(name))
		}
	}
	return plain
}
