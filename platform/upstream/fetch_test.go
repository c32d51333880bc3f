package upstream_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
	"portico.internal/platform/upstream"
)

func fetch(t *testing.T, c *upstream.Client, call upstream.Call, limit int64) (*upstream.Reply, error) {
	t.Helper()
	call.Label = "Service"
	return c.Fetch(t.Context(), &http.Request{Method: "GET", URL: &url.URL{Path: "/x"}, Header: http.Header{}}, call, limit)
}

func TestFetchReadsWholeRepliesUpToALimit(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(404, "hello", "X-More: 1") })
	c := clientOf(t, up.URL)
	r, err := fetch(t, c, upstream.Call{Patience: forever}, 5)
	require.NoError(t, err)
	require.Equal(t, 404, r.Status)
	require.Equal(t, "hello", string(r.Body))
	require.Equal(t, "1", r.Header.Get("X-More"))

	r, err = fetch(t, c, upstream.Call{Patience: forever}, 4)
	require.ErrorIs(t, err, upstream.ErrTooLarge)
	require.Equal(t, errs.BadGateway, errs.KindOf(err))
	require.Equal(t, "hell", string(r.Body))
}

func TestFetchEndsABodyThatDrips(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.Send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
		x.Drip(strings.Repeat("x", 100_000), time.Millisecond)
	})
	_, err := fetch(t, clientOf(t, up.URL), upstream.Call{Patience: 50 * time.Millisecond}, 1<<20)
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.GatewayTimeout, e.Kind)
	require.Equal(t, "Service timed out", e.Detail)
}

func TestBodyThatBreaksOffIsABadGateway(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"); x.Finish() })
	_, err := fetch(t, clientOf(t, up.URL), upstream.Call{Patience: forever}, 1<<20)
	require.Equal(t, errs.BadGateway, errs.KindOf(err))
}

// What finds out how a service is gets through where others do not, and takes nobody's place.
func TestCallsApartAreNotCounted(t *testing.T) {
	var well atomic.Bool
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if well.Load() {
			x.Reply(200, "")
			return
		}
		x.Hang()
	})
	registry, err := upstream.NewRegistry([]upstream.Service{{ID: "svc", URL: up.URL}}, upstream.MaxInFlight(1))
	require.NoError(t, err)
	t.Cleanup(registry.Close)
	c, _ := registry.Lookup("svc")
	require.Zero(t, breakerGauge(t, registry))
	for range 10 {
		_, err := fetch(t, c, upstream.Call{Patience: time.Millisecond, Apart: true}, 1)
		require.Equal(t, errs.GatewayTimeout, errs.KindOf(err), "and the breaker stays closed")
	}
	trip(t, c)
	require.Equal(t, 1.0, breakerGauge(t, registry))
	well.Store(true)
	_, err = fetch(t, c, upstream.Call{Patience: forever, Apart: true}, 1)
	require.NoError(t, err)

	metrics := prometheus.NewRegistry()
	require.NoError(t, metrics.Register(registry))
	families, err := metrics.Gather()
	require.NoError(t, err)
	count := map[string]uint64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					count[label.GetValue()] = m.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	require.Equal(t, map[string]uint64{"slow": 5, "refused": 1}, count)
}

// breakerGauge is what Prometheus is told of the breaker of the only service.
func breakerGauge(t *testing.T, registry *upstream.Registry) float64 {
	t.Helper()
	metrics := prometheus.NewPedanticRegistry()
	require.NoError(t, metrics.Register(registry))
	families, err := metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "portico_upstream_breaker_open" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(t, "no such metric")
	return 0
}
