package ai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Endpoint is a model at a provider. However it is printed, logged or encoded, its key does not show; in an unexported
// field of another type it would, since fmt calls no methods there.
type Endpoint struct {
	Provider Provider
	Model    string
	BaseURL  string // empty for the provider's own
	APIKey   string // empty for none
}

const (
	maxBaseURL = 2048 // characters
	maxKey     = 512
)

// CheckBaseURL tells whether the text may be the base URL of an endpoint: absolute, http or https, with neither user,
// query nor fragment, of at most 2048 characters. The error completes "base_url ..." and does not repeat the text.
func CheckBaseURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case utf8.RuneCountInString(text) > maxBaseURL:
		return fmt.Errorf("must have at most %d characters", maxBaseURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsSpace):
		return errors.New("must be an http or https URL with a host, such as https://ai.example.com/v1")
	case !isPort(u):
		return errors.New("must have a port from 1 to 65535, or none")
	case u.User != nil:
		return errors.New("must have no user or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return errors.New("must have no query or fragment")
	}
	return nil
}

func isPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// CheckKey tells whether the text may be a key: 1 to 512 visible ASCII characters, so that it is one word in a header
// whatever it holds. The error completes "api_key ..." and does not repeat the text.
func CheckKey(text string) error {
	if text == "" || len(text) > maxKey || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("must have 1 to %d characters, all visible ASCII, no blanks", maxKey)
	}
	return nil
}

// usable returns the base of the endpoint's URLs, without a slash at the end.
func (e Endpoint) usable() (string, *Failure) {
	wrong := func(format string, args ...any) (string, *Failure) {
		return "", &Failure{Kind: NotConfigured, text: fmt.Sprintf(format, args...)}
	}
	if !slices.Contains(Providers, e.Provider) {
		return wrong("No known AI provider is chosen")
	}
	d, base := dialects[e.Provider], e.BaseURL
	if base == "" {
		base = d.url
	}
	switch {
	case e.Model == "":
		return wrong("No model is set for %s", e.Provider)
	case base == "":
		return wrong("No base URL is set for %s", e.Provider)
	case e.APIKey == "" && d.needsKey:
		return wrong("No key is set for %s", e.Provider)
	}
	if err := CheckBaseURL(base); err != nil {
		return wrong("The base URL of %s %v", e.Provider, err)
	}
	if err := CheckKey(e.APIKey); err != nil && e.APIKey != "" {
		return wrong("The key of %s %v", e.Provider, err)
	}
	base = strings.TrimRight(base, "/")
	return strings.TrimSuffix(base, d.version) + d.version, nil
}

// String names the endpoint.
func (e Endpoint) String() string {
	key := "without a key"
	if e.APIKey != "" {
		key = "with a key"
	}
	return fmt.Sprintf("%s %q at %q %s", e.Provider, e.Model, e.BaseURL, key)
}

// Format prints [Endpoint.String] for every verb, %#v and %d among them.
func (e Endpoint) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, e.String()) }

// LogValue has the key as has_api_key.
func (e Endpoint) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", string(e.Provider)), slog.String("model", e.Model),
		slog.String("base_url", e.BaseURL), slog.Bool("has_api_key", e.APIKey != ""))
}

// MarshalJSON has the key as has_api_key.
func (e Endpoint) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"provider": e.Provider, "model": e.Model, "base_url": e.BaseURL, "has_api_key": e.APIKey != ""})
}
