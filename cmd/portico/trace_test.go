package main_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// collector is what spans are sent to.
type collector struct {
	URL string

	mu    sync.Mutex
	raw   []byte
	all   []*traces.Span
	about map[string]string // of who sends
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{about: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var data traces.TracesData // the same on the wire as a request to export
		if r.URL.Path != "/v1/traces" || r.Header.Get("X-Collector-Key") != "of-the-collector" || proto.Unmarshal(body, &data) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw = append(c.raw, body...)
		for _, resource := range data.ResourceSpans {
			for _, a := range resource.Resource.Attributes {
				c.about[a.Key] = a.Value.GetStringValue()
			}
			for _, scope := range resource.ScopeSpans {
				c.all = append(c.all, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// spans are those of the name that have come.
func (c *collector) spans(name string) (found []*traces.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

func attribute(s *traces.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// tracing is the environment of a gateway that sends its spans there, and whose documents are with a service of the test.
func (c *collector) tracing(t *testing.T, p program, service string) program {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services:\n  - {id: doc-service, name: Documents, url: '"+service+"'}\n"), 0o600))
	p.env = p.env.with(env{
		"PORTICO_CONFIG": file, "PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_EXPORTER_OTLP_HEADERS": "x-collector-key=of-the-collector",
		"OTEL_SERVICE_NAME": "gateway-of-the-test",
	})
	return p
}

// echo is a service that answers with the traceparent and tracestate it was sent.
func echo(t *testing.T) *testkit.Upstream {
	return testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadBody()
		x.Reply(http.StatusOK, strings.Join([]string{x.Header("traceparent"), x.Header("tracestate")}, " "))
	})
}

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
	traceparent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

// askTraced calls the document service with a trace of the client's own, and returns the trace and the span it was told of.
func (g *gateway) askTraced(t *testing.T, token string) (trace, span, state string) {
	t.Helper()
	r := g.Call(t, testkit.Request{Method: http.MethodGet, Path: "/api/documents/secret-name?q=" + url.QueryEscape(canary), Token: token,
		Header: http.Header{"Traceparent": {traceparent}, "Tracestate": {"vendor=x"}}})
	require.Equal(t, http.StatusOK, r.Status, r.Body)
	parent, state, _ := strings.Cut(r.Body, " ")
	parts := strings.Split(parent, "-")
	require.Len(t, parts, 4, r.Body)
	return parts[1], parts[2], state
}

// A request and the call made for it are one trace, which the service and the log are told. The trace that a client names is
// not gone on with, and spans hold nothing that a client has sent.
func TestTraces(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		c := newCollector(t)
		g := c.tracing(t, in(t, on(d)), echo(t).URL).serve(t)
		token := g.SignIn(t, gatewaytest.Admin, testkit.Password)
		trace, span, state := g.askTraced(t, token)
		require.NotEqual(t, clientTrace, trace)
		require.Empty(t, state, "that is of the other trace")
		require.Equal(t, http.StatusNotFound, g.get(t, token, "/nowhere/"+canary).Status)
		require.Equal(t, http.StatusOK, g.get(t, "", "/health/ready").Status)
		require.Contains(t, g.err.String(), `"trace_id":"`+trace+`"`)
		require.Equal(t, 0, g.stop(t), "what is left is sent by then")

		served := c.spans("GET /api/documents/{path...}")
		require.Len(t, served, 1)
		require.Equal(t, trace, hex.EncodeToString(served[0].TraceId))
		require.Equal(t, traces.Span_SPAN_KIND_SERVER, served[0].Kind)
		require.Empty(t, served[0].ParentSpanId)
		require.Len(t, served[0].Links, 1)
		require.Equal(t, clientSpan, hex.EncodeToString(served[0].Links[0].SpanId))
		require.Equal(t, "/api/documents/{path...}", attribute(served[0], "http.route"))
		require.Equal(t, "docproxy", attribute(served[0], "portico.module"))
		var calls []*traces.Span
		for _, s := range c.spans("GET") {
			if s.Kind == traces.Span_SPAN_KIND_CLIENT {
				calls = append(calls, s)
			}
		}
		require.Len(t, calls, 1)
		require.Equal(t, span, hex.EncodeToString(calls[0].SpanId))
		require.Equal(t, served[0].SpanId, calls[0].ParentSpanId)
		require.Equal(t, "doc-service", attribute(calls[0], "peer.service"))
		require.Empty(t, c.spans("GET /health/ready"))
		require.Equal(t, "gateway-of-the-test", c.about["service.name"])
		for _, secret := range []string{token, canary, "secret-name", testkit.Password, gatewaytest.Admin, "127.0.0.1", "vendor"} {
			require.NotContains(t, string(c.raw), secret)
		}
	})
}

// A proxy that is trusted with the client's address is trusted with the trace.
func TestTraceOfATrustedProxy(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := c.tracing(t, in(t, on(testkit.Prepared(nil).SQLite(t))), echo(t).URL)
	p.env["PORTICO_TRUSTED_PROXIES"] = "127.0.0.1"
	g := p.serve(t)
	trace, _, state := g.askTraced(t, g.SignIn(t, gatewaytest.Admin, testkit.Password))
	require.Equal(t, clientTrace, trace)
	require.Equal(t, "vendor=x", state)
	require.Equal(t, 0, g.stop(t))
	served := c.spans("GET /api/documents/{path...}")
	require.Len(t, served, 1)
	require.Equal(t, clientSpan, hex.EncodeToString(served[0].ParentSpanId))
}

// Without the variable that turns it on nothing is sent, nothing is logged, and a client's trace passes as any header does.
func TestTracesAreOff(t *testing.T) {
	t.Parallel()
	for _, exporter := range []string{"", "none"} {
		c := newCollector(t)
		p := c.tracing(t, in(t, on(testkit.Prepared(nil).SQLite(t))), echo(t).URL)
		p.env["OTEL_TRACES_EXPORTER"] = exporter
		g := p.serve(t)
		trace, span, state := g.askTraced(t, g.SignIn(t, gatewaytest.Admin, testkit.Password))
		require.Equal(t, []string{clientTrace, clientSpan, "vendor=x"}, []string{trace, span, state})
		require.NotContains(t, g.err.String(), "trace_id")
		require.Equal(t, 0, g.stop(t))
		require.Empty(t, c.raw)
	}
}

// A collector that is not there costs traces and nothing else.
func TestCollectorIsGone(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := c.tracing(t, in(t, on(testkit.Prepared(nil).SQLite(t))), echo(t).URL)
	p.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
	g := p.serve(t)
	trace, _, _ := g.askTraced(t, g.SignIn(t, gatewaytest.Admin, testkit.Password))
	require.NotEqual(t, clientTrace, trace)
	require.Equal(t, 0, g.stop(t))
	require.Equal(t, 1, strings.Count(g.err.String(), `"msg":"traces are lost"`), g.err)
	require.NotContains(t, g.err.String(), "of-the-collector")
	for _, line := range messages(g.process) {
		require.Empty(t, line, "the log alone tells it")
	}
}

// What the exporter cannot do is said at the start.
func TestTraceSettings(t *testing.T) {
	t.Parallel()
	d := testkit.Prepared(nil).SQLite(t)
	for variable, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "jaeger", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": canary + ":4317", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://",
	} {
		p := in(t, on(d).with(env{"OTEL_TRACES_EXPORTER": "otlp"}).with(env{variable: value}))
		line := p.fails(t, "serve")
		require.Contains(t, line, "portico: "+variable+": must be ")
		require.NotContains(t, line, canary)
	}
	p := in(t, on(d).with(env{"OTEL_TRACES_EXPORTER": "jaeger", "OTEL_SDK_DISABLED": "true"}))
	require.Equal(t, 0, p.serve(t).stop(t))
}
