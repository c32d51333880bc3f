package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// A PostgreSQL that hangs makes every route say so in time, whoever asks and however many do, and nothing of it stays
// behind when it is back.
func TestPostgresThatHangs(t *testing.T) {
	t.Parallel()
	server := testkit.NewServer(t)
	forwarded := make(chan string, 1000) // whose the documents were
	documents := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if !strings.HasPrefix(x.Line, "GET /health ") {
			forwarded <- x.Header("x-user-id")
		}
		x.Reply(http.StatusOK, "[]")
	})
	p := in(t, on(server.Database(t)).with(env{
		"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password, "PORTICO_CONFIG": "portico.yaml",
	}))
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "portico.yaml"), []byte("services: [{id: doc-service, name: Documents, url: "+documents.URL+"}]\n"), 0o600))
	g := p.serve(t)
	root, ann := g.SignIn(t, gatewaytest.Admin, testkit.Password), g.Token(t, "ann@example.com")
	require.Equal(t, http.StatusOK, g.get(t, ann, "/api/documents").Status)
	annID := <-forwarded
	require.NotEmpty(t, annID)
	routes, public := g.everyRoute(t, root), g.everyRoute(t, "")
	idle := g.goroutines(t)

	g.get(t, root, "/api/users/me") // so that it is known who asks, and each route comes as far as its own question
	thaw := server.Freeze(t)
	for _, a := range g.askAll(routes) {
		require.NoError(t, a.err, a)
		require.Less(t, a.took, answerSoon, a)
		require.True(t, a.Status == http.StatusServiceUnavailable || a.Status < http.StatusInternalServerError, a)
		require.True(t, a.Status >= 300 || reads(a.to), "acknowledged: %v", a)
	}

	// By now nobody is known any more.
	crowd := append(append(routes, public...), repeat(100, as(ann, "GET", "/api/users/me", ""))...)
	crowd = append(crowd, repeat(60, login("ann@example.com"))...)
	crowd = append(crowd, repeat(40, as("", "POST", "/api/auth/register", bodies["POST /api/auth/register"]))...)
	crowd = append(crowd, repeat(40, as("", "POST", "/api/auth/reset", resetBody))...)
	answers := make(chan []answer, 1)
	go func() { answers <- g.askAll(crowd) }()
	g.requireNotReady(t)
	g.requireAlive(t)
	for _, a := range <-answers {
		if a.to.Token != "" || a.Status != http.StatusUnauthorized {
			requireUnavailable(t, a)
		}
	}
	g.requireAlive(t)
	require.Empty(t, forwarded, "nothing is without a caller")
	t.Logf("%d requests, %v goroutines after them, %v before", len(crowd), g.goroutines(t), idle)

	thaw()
	g.requireReady(t)
	require.Equal(t, http.StatusOK, g.get(t, ann, "/api/documents").Status)
	require.Equal(t, annID, <-forwarded)
	require.NotEmpty(t, g.SignIn(t, "ann@example.com", testkit.Password))
	require.Eventually(t, func() bool { return g.goroutines(t) <= idle+10 }, patience, opEvery, "they return to where they were")
	require.NotContains(t, g.err.String(), `"status":500`)
	require.NotContains(t, g.err.String(), "panic")
	require.Equal(t, 0, g.stop(t))
}

// reads tells whether a request changes nothing.
func reads(r testkit.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions || strings.HasSuffix(r.Path, "/ai/test")
}
