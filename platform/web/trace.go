package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"

	"portico.internal/platform/logging"
)

// untraced are paths that machines ask for every few seconds.
var untraced = []string{"/health/live", "/health/ready", "/metrics"}

// trace begins the span of the request, whose trace every line of the log names.
func (s *Site) trace(ctx context.Context, x *exchange, r *http.Request) context.Context {
	if s.Tracer == nil || slices.Contains(untraced, r.URL.Path) {
		return ctx
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	ctx, span := s.Tracer.Begin(ctx, x.knownMethod(), r.Header, s.TrustTraces || s.trusts(host))
	x.span = &span
	return logging.With(ctx, slog.String("trace_id", span.TraceID()))
}

func (x *exchange) endSpan(status int) {
	switch {
	case x.span == nil:
	case x.endpoint == nil:
		x.span.End(x.knownMethod(), "", "", status)
	default:
		x.span.End(x.knownMethod(), x.endpoint.path, x.endpoint.module(x.method), status)
	}
}

// knownMethod is the method, or a word for all those that clients make up.
func (x *exchange) knownMethod() string {
	if slices.Contains(declarable, x.method) {
		return x.method
	}
	return "other"
}
