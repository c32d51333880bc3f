package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Probe says whether something the program cannot do without is there.
type Probe struct {
	Name string
	Run  func(context.Context) error
}

// Health answers for the program: alive as long as it runs, ready while every check passes and it is not stopping.
type Health struct {
	Checks []Probe
	Logger *slog.Logger

	stopping atomic.Bool
}

// readyTimeout bounds all checks together.
const readyTimeout = 2 * time.Second

// Stop makes the program not ready from now on. That is told at once, whatever the checks would have to wait for.
func (h *Health) Stop() { h.stopping.Store(true) }

// Routes are /health/live and /health/ready.
func (h *Health) Routes() RouteSet {
	return RouteSet{Module: "web", Routes: []Route{
		Get("/health/live", Public, h.live, Summary("The process runs; depends on nothing")),
		Raw(http.MethodGet, "/health/ready", Public, h.ready, Answers[readiness](), Also(http.StatusServiceUnavailable),
			Summary("Requests can be served: 200, else 503 with the same body")),
	}}
}

type status struct {
	Status string `json:"status" enum:"ok,unavailable"`
}

func (h *Health) live(context.Context, *None) (*status, error) { return &status{"ok"}, nil }

type readiness struct {
	Status string            `json:"status" enum:"ok,unavailable"`
	Checks map[string]string `json:"checks"`
}

// ready names the checks and never their errors.
func (h *Health) ready(w http.ResponseWriter, r *http.Request) error {
	if h.stopping.Load() {
		return notReady(w, map[string]string{})
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	results := make([]error, len(h.Checks))
	var wg sync.WaitGroup
	for i, c := range h.Checks {
		wg.Go(func() { results[i] = c.Run(ctx) })
	}
	wg.Wait()
	ready, checks := !h.stopping.Load(), map[string]string{}
	for i, c := range h.Checks {
		checks[c.Name] = "ok"
		if results[i] != nil {
			ready, checks[c.Name] = false, "unavailable"
			h.Logger.WarnContext(ctx, "not ready", "check", c.Name, "error", results[i])
		}
	}
	if ready {
		return WriteJSON(w, http.StatusOK, readiness{"ok", checks})
	}
	return notReady(w, checks)
}

func notReady(w http.ResponseWriter, checks map[string]string) error {
	w.Header().Set("Retry-After", "1")
	return WriteJSON(w, http.StatusServiceUnavailable, readiness{"unavailable", checks})
}
