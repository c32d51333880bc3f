package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"portico.internal/platform/errs"
	"portico.internal/platform/framing"
	"portico.internal/platform/tracing"
)

const (
	dialTimeout = 5 * time.Second

	// idleTimeout is shorter than that of the usual servers (uvicorn: 5 s): the side that closes an idle connection
	// first must be ours, else a request with a body, which is never sent twice, may meet the closing and be lost.
	idleTimeout = 4 * time.Second

	maxReplyHead = 64 << 10
)

// Option changes how the clients of a registry behave.
type Option func(*Client)

// MaxInFlight sets how many calls of one service may be at work at once, 500 unless said otherwise.
func MaxInFlight(n int) Option { return func(c *Client) { c.maxInFlight = int64(n) } }

// Client calls one service. It is safe for concurrent use.
type Client struct {
	service     Service
	base        *url.URL
	transport   *http.Transport
	breaker     *breaker
	maxInFlight int64
	inFlight    atomic.Int64
	seconds     prometheus.ObserverVec // by outcome
}

func newClient(s Service, base *url.URL, seconds prometheus.ObserverVec, options []Option) *Client {
	c := &Client{service: s, base: base, breaker: newBreaker(s.ID), maxInFlight: 500, seconds: seconds}
	for _, o := range options {
		o(c)
	}
	c.transport = &http.Transport{
		Proxy:                  nil, // a service is reached directly, whatever the environment says
		DialContext:            strict((&net.Dialer{Timeout: dialTimeout}).DialContext),
		DialTLSContext:         strict((&tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}}).DialContext),
		DisableCompression:     true, // bodies pass as they are
		MaxIdleConnsPerHost:    int(c.maxInFlight),
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxReplyHead,
		Protocols:              new(http.Protocols),
	}
	c.transport.Protocols.SetHTTP1(true)
	return c
}

func strict(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return framing.Client(c), nil
	}
}

// Service returns what the configuration says about the service.
func (c *Client) Service() Service { return c.service }

// Base returns the URL of the service, its path without a slash at the end. It must not be changed.
func (c *Client) Base() *url.URL { return c.base }

// Call says how one call is made.
type Call struct {
	Label    string        // how errors name the service, such as "Document service"
	Patience time.Duration // how long the service may keep us waiting, for the head of its reply or to take more of the body

	// Apart is for finding out how the service is: the call is made whatever is known of it, and neither counted among
	// those at work nor held against it.
	Apart bool
}

// Do sends r to the service and returns its reply once the head is there; redirects are replies like any other.
// Of r.URL path and query count, below the base of the service; the context is ctx, not that of r. The body of the reply
// must be closed, and r.Body must not be used by others until then. r is never sent twice once a byte of its body was read.
//
// An error is errs.BadGateway when the service cannot be reached or broke off, errs.GatewayTimeout when it is too
// slow, errs.Unavailable (with RetryAfter) when too many calls are at work or it was too slow many times in a row,
// errs.ClientClosed when ctx ended; an errs.Error that reading r.Body returned stays what it is.
// Errors of the reply's body are of the same kinds.
func (c *Client) Do(ctx context.Context, r *http.Request, call Call) (*http.Response, error) {
	start := time.Now()
	res, err := c.do(ctx, r, call)
	if !call.Apart {
		c.seconds.WithLabelValues(outcome(res, err)).Observe(time.Since(start).Seconds())
	}
	return res, err
}

func (c *Client) do(ctx context.Context, r *http.Request, call Call) (*http.Response, error) {
	report, leave, err := c.enter(call)
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	w := newWait(call.Patience, cancel)
	out := r.WithContext(inner)
	endSpan := tracing.Call(ctx, c.service.ID, r.Method, out.Header)
	out.URL, out.Host = c.target(r.URL), c.base.Host
	if r.Body != nil {
		out.Body = &sending{body: r.Body, wait: w}
	}
	res, err := c.transport.RoundTrip(out)
	late := w.end()
	switch {
	case late:
		report(errSlow)
	case err != nil && (ctx.Err() != nil || w.bodyError() != nil):
		report(errUndecided) // the client's doing, which says nothing about the service
	case isTimeout(err):
		report(errSlow)
	default:
		report(nil)
	}
	if err == nil && (late || res.StatusCode < 200 || res.StatusCode > 599) {
		res.Body.Close()
		err = fmt.Errorf("reply with status %03d", res.StatusCode)
	}
	if err != nil {
		cancel()
		leave()
		err = failure(ctx, call.Label, err, late, w.bodyError())
		endSpan(0, outcome(nil, err))
		return nil, err
	}
	status := res.StatusCode
	res.Body = &receiving{ReadCloser: res.Body, leave: func() { leave(); endSpan(status, "") }, cancel: cancel, parent: ctx, label: call.Label}
	return res, nil
}

// enter takes a place for a call. report must be called once, as the breaker wants it, and then leave.
func (c *Client) enter(call Call) (report func(error), leave func(), err error) {
	if call.Apart {
		return func(error) {}, func() {}, nil
	}
	leave = func() { c.inFlight.Add(-1) }
	if c.inFlight.Add(1) > c.maxInFlight {
		leave()
		return nil, nil, errs.New(errs.Unavailable, call.Label+" is busy").Retry(time.Second)
	}
	if report, err = c.breaker.begin(); err != nil {
		leave()
		return nil, nil, errs.Wrap(errs.Unavailable, call.Label+" unavailable", err).Retry(openFor)
	}
	return report, leave, nil
}

// target puts the path and query below the base, byte for byte.
func (c *Client) target(u *url.URL) *url.URL {
	t := *u
	t.Scheme, t.Host = c.base.Scheme, c.base.Host
	if c.base.Path != "" {
		t.Path, t.RawPath = c.base.Path+u.Path, c.base.EscapedPath()+u.EscapedPath()
	}
	return &t
}

// failure is the one map from what went wrong on the way to what may be told.
func failure(ctx context.Context, label string, err error, late bool, body error) error {
	var told *errs.Error
	switch {
	case late:
		return errs.Wrap(errs.GatewayTimeout, label+" timed out", err)
	case errors.As(body, &told):
		return told
	case ctx.Err() != nil:
		return errs.Wrap(errs.ClientClosed, "", err)
	default:
		return errs.Wrap(errs.BadGateway, label+" unavailable", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// receiving is the body of a reply. Closing it gives the place of the call free.
type receiving struct {
	io.ReadCloser
	leave  func()
	cancel context.CancelFunc
	parent context.Context
	label  string
	closed sync.Once
}

func (b *receiving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped
		err = failure(b.parent, b.label, err, false, nil)
	}
	return n, err
}

func (b *receiving) Close() error {
	var err error
	b.closed.Do(func() {
		err = b.ReadCloser.Close()
		b.cancel()
		b.leave()
	})
	return err
}
