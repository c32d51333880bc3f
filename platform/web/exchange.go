package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/logging"
	"portico.internal/platform/tracing"
)

// exchange is one request on its way through the house, and the writer of its reply.
type exchange struct {
	http.ResponseWriter
	method string // as it was sent
	id     string
	addr   string
	caller *identity.Caller
	status int // 0 until the header is written
	bytes  int64
	budget *budget
	intake *intake // nil without a body
	stall  time.Duration
	armed  time.Time // when the client last got its time for what is written

	endpoint *endpoint        // nil: nobody serves the path
	span     *tracing.Request // nil: it is not traced
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// RequestID returns the id under which the request is logged, empty outside of a request.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// ClientAddr returns the IP address of the client, as far as the trusted proxies tell it.
func ClientAddr(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.addr
	}
	return ""
}

// ClientNetwork is the [Network] of the client. It is the zero Addr outside of a request.
func ClientNetwork(ctx context.Context) netip.Addr {
	addr, _ := netip.ParseAddr(ClientAddr(ctx))
	return Network(addr)
}

// Network returns what counts as one client: an IPv4 address as it is, of IPv6 the /64 that one subscriber has to choose
// addresses from.
func Network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// ServeHTTP gives every request its id, its log line, and an answer even when a handler panics.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{ResponseWriter: w, method: r.Method, id: requestID(r), addr: s.clientAddr(r), stall: s.Stall, budget: s.budget}
	ctx := s.trace(logging.With(r.Context(), slog.String("request_id", x.id)), x, r)
	inner := r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	if r.ContentLength != 0 {
		x.intake = s.newIntake(x, r)
		inner.Body = x.intake
	}
	w.Header().Set("X-Request-ID", x.id)
	s.requests.begin()
	defer func() {
		cause := recover()
		if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
			s.Logger.ErrorContext(inner.Context(), "panic", "cause", cause, "stack", string(debug.Stack()))
			if x.status == 0 {
				writeError(x, errs.New(errs.Internal, ""))
				cause = nil
			}
		}
		s.record(x, inner, time.Since(start), cause != nil)
		if x.intake != nil {
			x.intake.leave()
		}
		if cause != nil {
			panic(http.ErrAbortHandler) // the client must see that the reply is not whole
		}
	}()
	switch {
	case r.Method == http.MethodConnect:
		writeError(x, errs.New(errs.MethodNotAllowed, ""))
	case !slices.Contains(declarable, r.Method):
		// The router knows only the usual methods; TRACE is one that no route can have, so the guard refuses it.
		inner.Method = http.MethodTrace
		s.handler.ServeHTTP(x, inner)
	default:
		s.handler.ServeHTTP(x, inner)
	}
}

// fail answers with an error, or cuts the connection when the reply has begun.
func (s *Site) fail(x *exchange, r *http.Request, err error) {
	e := s.classify(r, err)
	switch {
	case e.Kind == errs.Internal:
		s.Logger.ErrorContext(r.Context(), "request failed", "error", err)
	case e.Unwrap() != nil:
		s.Logger.WarnContext(r.Context(), "request refused", "detail", e.Detail, "cause", e.Unwrap())
	}
	if x.status != 0 {
		panic(http.ErrAbortHandler)
	}
	writeError(x, e)
}

func (s *Site) classify(r *http.Request, err error) *errs.Error {
	var e *errs.Error
	if errors.As(err, &e) {
		return e
	}
	if r.Context().Err() != nil {
		return errs.Wrap(errs.ClientClosed, "", err)
	}
	if errors.As(s.Explain(err), &e) {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errs.Wrap(errs.Unavailable, "", err).Retry(time.Second)
	}
	return errs.Wrap(errs.Internal, "", err)
}

func (s *Site) record(x *exchange, r *http.Request, took time.Duration, cut bool) {
	status := x.status
	if r.Context().Err() != nil {
		status = statuses[errs.ClientClosed].code
	}
	s.requests.end(x, status, took)
	x.endSpan(status)
	if !s.Logger.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", x.method), slog.String("path", r.URL.Path), slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", x.bytes), slog.String("address", x.addr),
	}
	if x.caller != nil {
		attrs = append(attrs, slog.String("user_id", x.caller.ID))
	}
	if cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	s.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// requestID takes the client's id where it is well formed, else makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if 1 <= len(id) && len(id) <= 64 && strings.Trim(id, idAlphabet) == "" {
		return id
	}
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// clientAddr walks X-Forwarded-For from the right, as long as the hop that wrote the entry is a trusted proxy.
func (s *Site) clientAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !s.trusts(host) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return host
		}
		if host = addr.Unmap().String(); !s.trusts(host) {
			return host
		}
	}
	return host
}

func (s *Site) trusts(host string) bool {
	if len(s.TrustedProxies) == 0 {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
}

// scheme is the one the client used.
func (s *Site) scheme(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if r.TLS != nil || s.trusts(host) && r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https"
	}
	return "http"
}

func (x *exchange) WriteHeader(code int) {
	if x.status != 0 {
		return // gin writes a header of its own when a handler is done
	}
	if code >= 200 || code == http.StatusSwitchingProtocols {
		x.status = code
		if x.intake != nil {
			x.intake.settle()
		}
	}
	x.keepPace()
	x.ResponseWriter.WriteHeader(code)
}

// Write sends a long text by stretches, each of which has its time.
func (x *exchange) Write(b []byte) (written int, err error) {
	x.WriteHeader(http.StatusOK)
	for more := true; more && err == nil; more = len(b) > 0 {
		part := b[:min(len(b), stretch)]
		x.keepPace()
		var n int
		n, err = x.ResponseWriter.Write(part)
		written += n
		b = b[len(part):]
	}
	x.bytes += int64(written)
	return written, err
}

// ReadFrom keeps the kernel's copy from file to socket within reach, which knows one LimitedReader around the file.
func (x *exchange) ReadFrom(src io.Reader) (copied int64, err error) {
	x.WriteHeader(http.StatusOK)
	whole, ok := src.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	for err == nil && whole.N > 0 {
		part := &io.LimitedReader{R: whole.R, N: min(whole.N, stretch)}
		x.keepPace()
		var n int64
		n, err = io.Copy(x.ResponseWriter, part)
		copied += n
		whole.N -= n
		if part.N > 0 { // the end of the source
			break
		}
	}
	x.bytes += copied
	return copied, err
}

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Flush serves those who ask for http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError serves http.ResponseController.
func (x *exchange) FlushError() error {
	x.WriteHeader(http.StatusOK)
	x.keepPace()
	return http.NewResponseController(x.ResponseWriter).Flush()
}
