package docproxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/framing"
	"portico.internal/platform/identity"
	"portico.internal/platform/testkit"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

const patience = 20 * time.Second

// house is a site with nothing but the proxy in it, behind a real listener.
type house struct {
	URL, addr string
	groups    groupsOf
	limit     atomic.Int64
	proxy     *proxy
	log       *lines
	client    *http.Client
}

type groupsOf func(userID string) ([]string, error)

func (f groupsOf) GroupIDs(_ context.Context, userID string) ([]string, error) { return f(userID) }

func (h *house) GroupIDs(ctx context.Context, id string) ([]string, error) { return h.groups(id) }
func (h *house) MaxPDFBytes(context.Context) (int64, error)                { return h.limit.Load(), nil }

// bearers is who may call: the token is the user's id, admins begin with "admin".
type bearers struct{}

func (bearers) Authenticate(r *http.Request) (*identity.Caller, error) {
	id, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, errs.New(errs.Unauthenticated, "")
	}
	return &identity.Caller{ID: id, IsAdmin: strings.HasPrefix(id, "admin")}, nil
}

func open(t testing.TB, serviceURL string, options ...upstream.Option) *house {
	t.Helper()
	return openStalling(t, serviceURL, time.Minute, options...)
}

func openStalling(t testing.TB, serviceURL string, stall time.Duration, options ...upstream.Option) *house {
	t.Helper()
	h := &house{log: &lines{}, groups: func(string) ([]string, error) { return []string{"g1", "g2"}, nil }}
	h.limit.Store(20 << 20)
	registry, err := upstream.NewRegistry([]upstream.Service{{ID: "doc-service", URL: serviceURL}}, options...)
	require.NoError(t, err)
	t.Cleanup(registry.Close)
	service, _ := registry.Lookup("doc-service")
	h.proxy = &proxy{Config: Config{ResponseHeaderTimeout: patience}, service: service, groups: h, limits: h}
	site, err := web.New(web.Options{
		Routes:        []web.RouteSet{{Module: "docproxy", Routes: h.proxy.routes()}},
		Authenticator: bearers{},
		Logger:        slog.New(slog.NewTextHandler(h.log, nil)),
		Stall:         stall,
	})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(site)
	server.Listener = framing.Strict(server.Config, server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	h.URL, h.addr = server.URL, server.Listener.Addr().String()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	h.client = &http.Client{Transport: transport, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return h
}

func (h *house) request(t testing.TB, method, path string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, body)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer u1")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	return req
}

// do returns the reply with its body read; err is that of reading it.
func (h *house) do(t testing.TB, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	res, err := h.client.Do(h.request(t, method, path, body, headers...))
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(text)
}

// raw opens a connection to the house and sends the text on it.
func (h *house) raw(t testing.TB, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	return c
}

type lines struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	discard bool
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.discard {
		return len(p), nil
	}
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// within waits until the condition holds.
func within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 2*time.Millisecond, what)
}

func ok(x *testkit.Exchange) { x.Reply(200, "ok", "Content-Type: text/plain") }
