package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// answerSoon is twice the five seconds within which a caller learns that the database is gone: this machine is busy.
const answerSoon = 10 * time.Second

// answer is what came back for a request, or that nothing did.
type answer struct {
	to testkit.Request
	testkit.Reply
	err  error
	took time.Duration
}

func (a answer) String() string {
	return fmt.Sprintf("%s %s: %d %s %v after %v", a.to.Method, a.to.Path, a.Status, a.Body, a.err, a.took)
}

// ask sends a request as anybody may who is not the test itself, and waits for the answer as long as patience.
func (g *gateway) ask(r testkit.Request) (a answer) {
	a.to = r
	begun := time.Now()
	defer func() { a.took = time.Since(begun) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, g.URL+r.Path, strings.NewReader(r.Body))
	if err != nil {
		a.err = err
		return a
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.err = err
		return a
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a.Reply, a.err = testkit.Reply{Status: res.StatusCode, Body: string(body), Header: res.Header}, err
	return a
}

// askAll sends the requests at once.
func (g *gateway) askAll(requests []testkit.Request) []answer {
	answers := make([]answer, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() { answers[i] = g.ask(r) })
	}
	all.Wait()
	return answers
}

func repeat(n int, r testkit.Request) []testkit.Request {
	return slices.Repeat([]testkit.Request{r}, n)
}

// requireUnavailable is how a gateway says that its database is gone.
func requireUnavailable(t testing.TB, a answer) {
	t.Helper()
	require.NoError(t, a.err, a)
	require.Equal(t, http.StatusServiceUnavailable, a.Status, a)
	require.NotEmpty(t, a.Header.Get("Retry-After"), a)
	if a.to.Method != http.MethodHead {
		require.JSONEq(t, `{"detail":"Service Unavailable"}`, a.Body, a)
	}
	require.Less(t, a.took, answerSoon, a)
}

// requireAlive holds whatever the database does.
func (g *gateway) requireAlive(t testing.TB) {
	t.Helper()
	live := g.ask(testkit.Request{Method: http.MethodGet, Path: "/health/live"})
	require.Equal(t, http.StatusOK, live.Status, live)
	require.Less(t, live.took, answerSoon)
}

func (g *gateway) isReady() bool {
	return g.ask(testkit.Request{Method: http.MethodGet, Path: "/health/ready"}).Status == http.StatusOK
}

func (g *gateway) requireNotReady(t testing.TB) {
	t.Helper()
	a := g.ask(testkit.Request{Method: http.MethodGet, Path: "/health/ready"})
	require.Equal(t, http.StatusServiceUnavailable, a.Status, a)
	require.Contains(t, a.Body, `"database":"unavailable"`)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Less(t, a.took, answerSoon, a)
}

// requireReady tells how long it took to become ready again.
func (g *gateway) requireReady(t testing.TB) {
	t.Helper()
	begun := time.Now()
	require.Eventually(t, g.isReady, patience, 10*time.Millisecond)
	t.Logf("ready again after %v", time.Since(begun))
}

// inside asks at the internal door.
func (g *gateway) inside(t testing.TB, path string) string {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(g.DataDir, "service.token"))
	require.NoError(t, err)
	door := &gateway{Gateway: &testkit.Gateway{URL: g.Internal}}
	a := door.ask(as(strings.TrimSpace(string(token)), "GET", path, ""))
	require.Equal(t, http.StatusOK, a.Status, a)
	return a.Body
}

// goroutines counts those of the gateway while nobody holds a connection to it.
func (g *gateway) goroutines(t testing.TB) float64 {
	t.Helper()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	const name = "\ngo_goroutines "
	_, after, found := strings.Cut(g.inside(t, "/metrics"), name)
	require.True(t, found)
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseFloat(line, 64)
	require.NoError(t, err)
	return n
}

// bodies are those of requests that need more than {} to get as far as the database.
var bodies = map[string]string{
	"POST /api/auth/register":                              `{"email":"new@example.com","password":"` + testkit.Password + `"}`,
	"POST /api/auth/reset":                                 resetBody,
	"POST /api/users/me/password":                          `{"current_password":"` + testkit.Password + `","new_password":"An0ther&Sturdy!bridge"}`,
	"PATCH /api/users/me":                                  `{"full_name":"New"}`,
	"PATCH /api/users/me/color-mode":                       `{"color_mode":"dark"}`,
	"PATCH /api/users/me/preferences":                      `{"app_ids":["new"]}`,
	"POST /api/admin/users":                                `{"email":"new@example.com","password":"` + testkit.Password + `"}`,
	"POST /api/admin/users/{user_id}/password":             `{"new_password":"An0ther&Sturdy!bridge"}`,
	"POST /api/admin/groups":                               `{"name":"New"}`,
	"PATCH /api/admin/groups/{id}/members/{user_id}/admin": `{"is_group_admin":true}`,
	"POST /api/groups/{id}/members":                        `{"email":"new@example.com"}`,
	"PATCH /api/admin/storage-config":                      `{"config":{}}`,
	"POST /api/admin/storage-config/migrate":               `{"backend":"local","config":{"root":"elsewhere"}}`,
	"PATCH /api/settings/system-prompts/{service_id}":      `{"prompt":"New"}`,
}

const resetBody = `{"token":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","new_password":"` + testkit.Password + `"}`

var parameter = regexp.MustCompile(`\{\w+\}`)

// everyRoute is a request to each route of the API, with the token.
func (g *gateway) everyRoute(t testing.TB, token string) (requests []testkit.Request) {
	t.Helper()
	document := decode[struct {
		Paths map[string]map[string]any
	}](t, g.get(t, "", "/openapi.json").Body)
	for path, operations := range document.Paths {
		for method := range operations {
			method = strings.ToUpper(method)
			r := as(token, method, parameter.ReplaceAllString(path, uuid.NewString()), bodies[method+" "+path])
			switch {
			case !strings.HasPrefix(path, "/api/"):
				continue
			case path == "/api/auth/login":
				r = login("nobody@example.com")
			case r.Body == "" && method != http.MethodGet && method != http.MethodHead:
				r.Body = "{}"
			}
			requests = append(requests, r)
		}
	}
	require.NotEmpty(t, requests)
	return requests
}

func login(email string) testkit.Request {
	return testkit.Request{
		Method: http.MethodPost, Path: "/api/auth/login", Type: "application/x-www-form-urlencoded",
		Body: url.Values{"username": {email}, "password": {testkit.Password}}.Encode(),
	}
}
