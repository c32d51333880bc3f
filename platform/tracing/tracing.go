// Package tracing tells an OpenTelemetry collector of requests, and of the calls made for them, where the environment
// asks for it. Spans hold the templates of paths, methods and statuses: no path as it was sent, no query, no header, no
// address and no user.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const library = "portico.internal/platform/tracing"

// parents reads and writes traceparent and tracestate (https://www.w3.org/TR/trace-context/).
var parents = propagation.TraceContext{}

// Tracer begins the spans of requests. A nil Tracer is one that is off.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New makes a tracer as the variables of the OpenTelemetry specification say
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), nil unless OTEL_TRACES_EXPORTER is
// otlp. Its errors are one line that names the variable. It must be closed. Traces that cannot be sent are dropped,
// and that is logged once a minute.
func New(ctx context.Context, environ func(name string) string, version string, log *slog.Logger) (*Tracer, error) {
	if on, err := wanted(environ); !on {
		return nil, err
	}
	otel.SetErrorHandler(&faults{log: log})
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_*: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "portico"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv(), // what stands last wins
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{provider, provider.Tracer(library)}, nil
}

// wanted tells whether to trace, and fails where it is asked for what cannot be done.
func wanted(environ func(string) string) (bool, error) {
	switch exporter := environ("OTEL_TRACES_EXPORTER"); {
	case environ("OTEL_SDK_DISABLED") == "true", exporter == "", exporter == "none":
		return false, nil
	case exporter != "otlp":
		return false, errors.New("OTEL_TRACES_EXPORTER: must be otlp or none")
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := environ(name); protocol != "" && protocol != "http/protobuf" {
			return false, fmt.Errorf("%s: must be http/protobuf, whose port is usually 4318", name)
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if text := environ(name); text != "" {
			if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
				return false, fmt.Errorf("%s: must be an http or https URL, such as http://127.0.0.1:4318", name)
			}
		}
	}
	return true, nil
}

// closing is for how long a stop waits for the collector.
const closing = 3 * time.Second

// Close sends what is left, for 3 s at most. What cannot be sent is lost, as before: that is no failure of the gateway.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// faults logs what goes wrong on the way to the collector.
type faults struct {
	log  *slog.Logger
	last atomic.Int64 // when it was told, in Unix seconds
}

func (f *faults) Handle(err error) {
	now, last := time.Now().Unix(), f.last.Load()
	if now-last >= 60 && f.last.CompareAndSwap(last, now) {
		f.log.Warn("traces are lost", "error", err)
	}
}
