package plugins

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"portico.internal/platform/upstream"
)

const (
	healthTimeout = 2 * time.Second
	healthAge     = 5 * time.Second
	healthSlow    = time.Second // an answer that takes longer is not a healthy one
	maxHealth     = 64 << 10    // bytes; a longer answer is judged by its status alone
)

const (
	healthy   = "healthy"
	degraded  = "degraded"
	unhealthy = "unhealthy"
)

// health finds out how the services are. All who ask within healthAge share one round of checks.
type health struct {
	services *upstream.Registry

	mu    sync.Mutex
	round *round
}

type round struct {
	done  chan struct{}
	over  time.Time // once done is closed
	found []serviceOut
}

func newHealth(services *upstream.Registry) *health { return &health{services: services} }

// list returns how all services are, in the order of the configuration, within healthTimeout.
func (h *health) list(ctx context.Context) ([]serviceOut, error) {
	r := h.current()
	select {
	case <-r.done:
		return r.found, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// current returns the round that is under way or not yet too old, else a new one.
func (h *health) current() *round {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.round != nil {
		select {
		case <-h.round.done:
			if time.Since(h.round.over) < healthAge {
				return h.round
			}
		default:
			return h.round
		}
	}
	h.round = &round{done: make(chan struct{})}
	go h.run(h.round) // for all who wait, whether the first of them stays or not
	return h.round
}

func (h *health) run(r *round) {
	services := h.services.Services()
	r.found = make([]serviceOut, len(services))
	var wg sync.WaitGroup
	for i, s := range services {
		wg.Go(func() { r.found[i] = h.check(s) })
	}
	wg.Wait()
	r.over = time.Now()
	close(r.done)
}

func (h *health) check(s upstream.Service) serviceOut {
	client, _ := h.services.Lookup(s.ID)
	start := time.Now()
	status, detail := ask(client, s)
	took := time.Since(start)
	if status == healthy && took > healthSlow {
		status, detail = degraded, "slow"
	}
	return serviceOut{ID: s.ID, Name: s.Name, Status: status, LatencyMS: took.Milliseconds(), CheckedAt: time.Now().UTC(), Detail: detail}
}

// ask asks a service how it is. The detail is in words of ours.
func ask(client *upstream.Client, s upstream.Service) (status, detail string) {
	path, err := url.Parse(s.HealthPath)
	if err != nil {
		return unhealthy, "has no usable health_path"
	}
	r := newRequest(http.MethodGet, "")
	r.URL = path
	reply, err := client.Fetch(context.Background(), r, upstream.Call{Label: s.Name, Patience: healthTimeout, Apart: true}, maxHealth)
	switch {
	case err != nil && !errors.Is(err, upstream.ErrTooLarge):
		return unhealthy, reasonOf(err)
	case reply.Status < 200 || reply.Status > 299:
		return unhealthy, fmt.Sprintf("answers with status %d", reply.Status)
	case err != nil:
		return healthy, "ok"
	}
	return judge(reply.Body)
}

// judge reads what a service says of itself, in the words that are common for it. What says nothing is healthy.
func judge(body []byte) (status, detail string) {
	object, _ := parseObject(body)
	word, ok := object["status"].(string)
	if !ok {
		return healthy, "ok"
	}
	switch strings.ToLower(word) {
	case "ok", "healthy", "pass", "up", "ready", "alive", "available", "running", "serving", "green":
		return healthy, "ok"
	case "degraded", "warn", "warning", "yellow":
		return degraded, "says that it is degraded"
	}
	return unhealthy, "says that it is not well"
}
