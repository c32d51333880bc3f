package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"portico.internal/platform/framing"
)

// ErrCut is returned by [Serve] when requests were still in flight at the end of the grace.
var ErrCut = errors.New("requests were cut at the end of the grace period")

// Serve answers on the listener until ctx ends. Then it takes no new requests, lets those in flight finish within
// grace, and cuts what is left. There is no bound on how long a request may take: event streams and slow uploads are
// legitimate; a header must arrive within 10 s. A request that tells its length twice is refused with 400.
func Serve(ctx context.Context, l net.Listener, h http.Handler, grace time.Duration, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	strict := framing.Strict(server, l)
	go func() { stopped <- server.Serve(strict) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close()
		return ErrCut
	}
	return nil
}
