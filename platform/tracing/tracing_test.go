package tracing_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/tracing"
)

// Where nothing is traced, a call costs no memory and its header stays as it is.
func TestCallOutsideOfATrace(t *testing.T) {
	header := http.Header{"Traceparent": {"of the client"}}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		tracing.Call(context.Background(), "reports", http.MethodGet, header)(http.StatusOK, "")
	}))
	require.Equal(t, http.Header{"Traceparent": {"of the client"}}, header)
}

func TestOffByDefault(t *testing.T) {
	tracer, err := tracing.New(t.Context(), func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SERVICE_NAME": "x"}[name]
	}, "1.0.0", nil)
	require.NoError(t, err)
	require.Nil(t, tracer)
	tracer.Close(t.Context())
}
