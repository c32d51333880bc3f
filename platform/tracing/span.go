package tracing

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Request is the span of a request that was received.
type Request struct{ span trace.Span }

// Begin begins the span of a request, in the context that it returns. The trace is the one that the request names where
// whoever has sent it is trusted, else a new one with a link to it: else a client could put its requests into the traces
// of others, and decide what is recorded.
func (t *Tracer) Begin(ctx context.Context, method string, header http.Header, trusted bool) (context.Context, Request) {
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.request.method", method)),
	}
	named := parents.Extract(ctx, propagation.HeaderCarrier(header))
	if trusted {
		ctx = named
	} else if other := trace.SpanContextFromContext(named); other.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: other}))
	}
	ctx, span := t.tracer.Start(ctx, method, options...)
	return ctx, Request{span}
}

// TraceID names the trace.
func (r Request) TraceID() string { return r.span.SpanContext().TraceID().String() }

// End ends the span. The route is the template of the path, empty where there is none.
func (r Request) End(method, route, module string, status int) {
	if route != "" {
		r.span.SetName(method + " " + route)
		r.span.SetAttributes(attribute.String("http.route", route), attribute.String("portico.module", module))
	}
	problem := ""
	switch {
	case status == 0:
		problem = "cut"
	case status >= 500:
		problem = strconv.Itoa(status)
	}
	finish(r.span, status, problem)
}

// Call begins the span of a call to a service for the request that ctx is of, and names the trace in the header, in place
// of what is there. Where nothing is traced, header stays as it is. end must be called once, with the status of the reply, or
// 0 and a word for what was in its way.
func Call(ctx context.Context, service, method string, header http.Header) (end func(status int, problem string)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return untraced
	}
	ctx, span := parent.TracerProvider().Tracer(library).Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("peer.service", service)))
	for _, name := range parents.Fields() {
		header.Del(name)
	}
	parents.Inject(ctx, propagation.HeaderCarrier(header))
	return func(status int, problem string) {
		if status >= 400 {
			problem = strconv.Itoa(status)
		}
		finish(span, status, problem)
	}
}

func untraced(int, string) {}

// finish ends a span as https://opentelemetry.io/docs/specs/semconv/http/http-spans/ has it.
func finish(span trace.Span, status int, problem string) {
	if status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if problem != "" {
		span.SetAttributes(attribute.String("error.type", problem))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
