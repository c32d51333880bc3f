package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/web"
)

// benchmarked is a site with metrics and a log that is off, so that little but its own work is measured.
func benchmarked() web.Options {
	type status struct {
		Status string `json:"status"`
	}
	hello := func(context.Context, *web.None) (*status, error) { return &status{"ok"}, nil }
	return web.Options{
		Routes:  []web.RouteSet{{Module: "hello", Routes: []web.Route{web.Get("/api/hello/{name}", web.Public, hello)}}},
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(),
	}
}

func benchmark(b *testing.B, o web.Options) {
	site, err := web.New(o)
	require.NoError(b, err)
	r := httptest.NewRequest(http.MethodGet, "/api/hello/world", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkRequest(b *testing.B) { benchmark(b, benchmarked()) }
