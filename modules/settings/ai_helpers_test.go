package settings_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

const (
	aiPath     = "/api/settings/ai"
	aiTestPath = "/api/settings/ai/test"
	aiInternal = "/internal/settings/ai"
	doorToken  = "a-service-token-of-some-length"
)

var providers = []string{"anthropic", "openai", "ollama", "openai_compatible"}

// withFakes is the environment of a gateway that may call fake providers.
func withFakes(more map[string]string) map[string]string {
	env := map[string]string{"PORTICO_SERVICE_TOKEN": doorToken, "PORTICO_AI_ALLOWED_HOSTS": "127.0.0.1"}
	maps.Copy(env, more)
	return env
}

// behindDoor asks at the internal door.
func behindDoor(t testing.TB, g *testkit.Gateway, path string, header http.Header) testkit.Reply {
	t.Helper()
	door := testkit.Gateway{URL: g.Internal}
	h := http.Header{"Authorization": {"Bearer " + doorToken}}
	maps.Copy(h, header)
	return door.Call(t, testkit.Request{Method: "GET", Path: path, Header: h})
}

// aiProvider is one provider of a reply.
type aiProvider struct {
	Model    *string `json:"model"`
	BaseURL  *string `json:"base_url"`
	Key      *string `json:"api_key"`
	HasKey   bool    `json:"has_api_key"`
	KeyError *string `json:"api_key_error"`
}

type aiReply struct {
	Provider  *string               `json:"provider"`
	Providers map[string]aiProvider `json:"providers"`
	Hosts     []string              `json:"allowed_hosts"`
}

func parse[T any](t testing.TB, r testkit.Reply) T {
	t.Helper()
	require.Equal(t, 200, r.Status, r.Body)
	var v T
	require.NoError(t, json.Unmarshal([]byte(r.Body), &v), r.Body)
	return v
}

// set changes the setting and returns what it is now.
func set(t testing.TB, g *testkit.Gateway, body string) aiReply {
	t.Helper()
	return parse[aiReply](t, g.Call(t, admin("PATCH", aiPath, body)))
}

// inClear shows the setting as feature services see it.
func inClear(t testing.TB, g *testkit.Gateway) aiReply {
	t.Helper()
	return parse[aiReply](t, behindDoor(t, g, aiInternal, nil))
}

type aiTest struct {
	OK       bool    `json:"ok"`
	Provider *string `json:"provider"`
	Model    *string `json:"model"`
	Latency  *int    `json:"latency_ms"`
	Detail   string  `json:"detail"`
}

// try runs a test.
func try(t testing.TB, g *testkit.Gateway, body string) aiTest {
	t.Helper()
	return parse[aiTest](t, g.Call(t, admin("POST", aiTestPath, body)))
}

// one is a body that chooses a provider and says things of it.
func one(provider, fields string) string {
	return fmt.Sprintf(`{"provider":%q,"providers":{%q:{%s}}}`, provider, provider, fields)
}

func keyOf(key string) string { return fmt.Sprintf(`"api_key":%q`, key) }

// fake is a server with the model "m" that speaks as every provider does. Keys that begin with "bad", "none" and
// "busy" are refused, unknown to the model and out of quota. It remembers what keys it was shown.
type fake struct {
	*httptest.Server
	hold chan struct{} // when set, replies wait for it

	mu   sync.Mutex
	keys []string
}

func newFake(t testing.TB) *fake {
	f := &fake{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Api-Key")
	f.mu.Lock()
	f.keys = append(f.keys, key)
	f.mu.Unlock()
	if f.hold != nil {
		<-f.hold
	}
	body, _ := io.ReadAll(r.Body)
	known := strings.HasSuffix(r.URL.Path, "/models/m") || strings.HasSuffix(r.URL.Path, "/models") || strings.Contains(string(body), `"m"`)
	status := 200
	switch {
	case strings.HasPrefix(key, "bad"):
		status = 401
	case strings.HasPrefix(key, "busy"):
		status = 429
	case !known:
		status = 404
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	switch {
	case status == 200 && r.URL.Path == "/api/show":
		fmt.Fprint(w, `{"license":"MIT","details":{"format":"gguf"}}`)
	case status == 200 && r.Header.Get("X-Api-Key") != "":
		fmt.Fprint(w, `{"type":"model","id":"m","display_name":"M"}`)
	case status == 200 && strings.HasSuffix(r.URL.Path, "/models"):
		fmt.Fprint(w, `{"object":"list","data":[{"id":"m","object":"model"}]}`)
	case status == 200:
		fmt.Fprint(w, `{"object":"model","id":"m"}`)
	case r.Header.Get("X-Api-Key") != "":
		fmt.Fprintf(w, `{"type":"error","error":{"type":"some_error","message":"about %s"}}`, key)
	case r.URL.Path == "/api/show":
		fmt.Fprintf(w, `{"error":"about %s"}`, key)
	default:
		fmt.Fprintf(w, `{"error":{"message":"about %s","type":"some_error","code":%q}}`, key, map[int]string{404: "model_not_found"}[status])
	}
}

// seen returns the keys that came since it was last asked.
func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := slices.Clone(f.keys)
	f.keys = nil
	return keys
}

// listener counts who connects to a loopback port, and says what is no HTTP.
type listener struct {
	net.Listener
	mu    sync.Mutex
	dials int
}

func listen(t testing.TB, address string) *listener {
	ln, err := net.Listen("tcp", address)
	require.NoError(t, err)
	l := &listener{Listener: ln}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.dials++
			l.mu.Unlock()
			fmt.Fprint(c, "220 mail.example.com ESMTP\r\n")
			c.Close()
		}
	}()
	return l
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials
}

func (l *listener) port() int { return l.Addr().(*net.TCPAddr).Port }

// closedPort is a loopback port at which nobody listens.
func closedPort(t testing.TB) int {
	l := listen(t, "127.0.0.1:0")
	require.NoError(t, l.Close())
	return l.port()
}
