package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"portico.internal/platform/framing"
)

// ErrCut is returned by [Serve] when requests were still in flight at the end of the grace.
var ErrCut = errors.New("requests were cut at the end of the grace period")

// Stop says how a server ends.
type Stop struct {
	Delay time.Duration // for which it goes on as before, until whoever sends requests has heard of the end
	Grace time.Duration // which requests in flight have to finish
}

// Serve answers on the listener until ctx ends. For the delay it then goes on, but asks whoever calls to close the
// connection after the reply. After that it takes no new requests, lets those in flight finish within the grace, and
// cuts what is left. There is no bound on how long a request may take: event streams and slow uploads are legitimate; a
// header must arrive within 10 s. A request that tells its length twice is refused with 400.
func Serve(ctx context.Context, l net.Listener, h http.Handler, stop Stop, log *slog.Logger) error {
	var leaving atomic.Bool
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if leaving.Load() {
				w.Header().Set("Connection", "close")
			}
			h.ServeHTTP(w, r)
		}),
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
	leaving.Store(true) // and not SetKeepAlivesEnabled(false), which closes idle connections under requests on their way
	select {
	case err := <-stopped:
		return err
	case <-time.After(stop.Delay):
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), stop.Grace)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close()
		return ErrCut
	}
	return nil
}
