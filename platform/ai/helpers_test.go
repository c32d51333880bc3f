package ai_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/ai"
	"portico.internal/platform/egress"
)

const (
	key     = "sk-canary-0123456789abcdef"
	foreign = "words-of-the-other-side"
)

// request is one that a fake provider got.
type request struct {
	line   string // method and path, as they came
	header http.Header
	body   map[string]any
}

// provider is a fake one that notes down what reaches it.
type provider struct {
	URL string

	mu       sync.Mutex
	requests []request
}

func newProvider(t *testing.T, answer http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := request{line: r.Method + " " + r.RequestURI, header: r.Header}
		if text, _ := io.ReadAll(r.Body); len(text) > 0 {
			_ = json.Unmarshal(text, &got.body)
		}
		p.mu.Lock()
		p.requests = append(p.requests, got)
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

func (p *provider) got() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// says makes a provider that gives everybody the same answer.
func says(t *testing.T, status int, body string) *provider {
	t.Helper()
	return newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// newClient makes a client that may call this machine.
func newClient(t *testing.T) *ai.Client {
	t.Helper()
	c := ai.NewClient(egress.Policy{AllowedHosts: []string{"127.0.0.1"}})
	t.Cleanup(c.Close)
	return c
}

func endpoint(p ai.Provider, base string) ai.Endpoint {
	return ai.Endpoint{Provider: p, Model: "some-model", BaseURL: base, APIKey: key}
}

// calls are the two things a client does, by name.
var calls = map[string]func(*testing.T, *ai.Client, ai.Endpoint) error{
	"check": func(t *testing.T, c *ai.Client, e ai.Endpoint) error { return c.Check(t.Context(), e) },
	"complete": func(t *testing.T, c *ai.Client, e ai.Endpoint) error {
		text, err := c.Complete(t.Context(), e, ai.Prompt{User: "Hello?"})
		if (err == nil) == (text == "") {
			return fmt.Errorf("the text %q beside the error %w", text, err)
		}
		return err
	},
}

// failure requires that err is one, of the kind, and that nothing shows what must not.
func failure(t *testing.T, err error, kind ai.Kind, about ...any) *ai.Failure {
	t.Helper()
	var f *ai.Failure
	require.ErrorAs(t, err, &f, about...)
	require.Equal(t, kind, f.Kind, "%v: %v (%v)", about, f, f.Unwrap())
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			require.NotContains(t, text, key, about...)
			require.NotContains(t, text, foreign, about...)
		}
	}
	return f
}

// unreachableText is what every unreachable endpoint of the provider is told as.
func unreachableText(p ai.Provider) string {
	return string(p) + " could not be reached, or what answers at its address is something else"
}

func jsonOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.NewDecoder(strings.NewReader(text)).Decode(&v))
	return v
}
