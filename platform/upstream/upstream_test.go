package upstream_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
	"portico.internal/platform/upstream"
)

const forever = 20 * time.Second

func clientOf(t *testing.T, serviceURL string, options ...upstream.Option) *upstream.Client {
	t.Helper()
	r, err := upstream.NewRegistry([]upstream.Service{{ID: "svc", URL: serviceURL}}, options...)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	c, ok := r.Lookup("svc")
	require.True(t, ok)
	return c
}

// get returns the status of a reply, 0 with the error where there is none.
func get(ctx context.Context, c *upstream.Client, target string, patience time.Duration) (int, error) {
	u, err := url.Parse(target)
	if err != nil {
		return 0, err
	}
	res, err := c.Do(ctx, &http.Request{Method: "GET", URL: u, Header: http.Header{}}, upstream.Call{Label: "Service", Patience: patience})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

func TestRegistryNamesWhatIsWrong(t *testing.T) {
	for serviceURL, want := range map[string]string{
		"":                    "service s: the url must be http://host or https://host",
		"ftp://h":             "service s: the url must be http://host or https://host",
		"http:///x":           "service s: the url must be http://host or https://host",
		"http://u:secret@h/":  "service s: the url must have no user, query or fragment",
		"http://h/?a":         "service s: the url must have no user, query or fragment",
		"http://h:bad-secret": "service s: the url must be http://host or https://host",
	} {
		_, err := upstream.NewRegistry([]upstream.Service{{ID: "s", URL: serviceURL}})
		require.EqualError(t, err, want)
	}
	_, err := upstream.NewRegistry([]upstream.Service{{ID: "s", URL: "http://h"}, {ID: "s", URL: "http://i"}})
	require.EqualError(t, err, "service s is there twice")
	r, err := upstream.NewRegistry(nil)
	require.NoError(t, err)
	_, ok := r.Lookup("s")
	require.False(t, ok)
}

func TestCallsGoBelowTheBaseByteForByte(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(200, "") })
	for base, want := range map[string]string{
		"":         "GET /a%20b/c?x=%zz;y HTTP/1.1",
		"/":        "GET /a%20b/c?x=%zz;y HTTP/1.1",
		"/v%201/":  "GET /v%201/a%20b/c?x=%zz;y HTTP/1.1",
		"/one/two": "GET /one/two/a%20b/c?x=%zz;y HTTP/1.1",
	} {
		status, err := get(t.Context(), clientOf(t, up.URL+base), "/a%20b/c?x=%zz;y", forever)
		require.NoError(t, err)
		require.Equal(t, 200, status)
		require.Equal(t, want, up.Next(t).Line)
	}
}

func TestConnectionsAreReusedAndTheEnvironmentHasNoSay(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(200, "hello") })
	c := clientOf(t, up.URL)
	for range 50 {
		status, err := get(t.Context(), c, "/", forever)
		require.NoError(t, err)
		require.Equal(t, 200, status)
	}
	require.Equal(t, 1, up.Dials())
}

func TestCallsThatWereGivenUpAreNotHeldAgainstTheService(t *testing.T) {
	var well atomic.Bool
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if well.Load() {
			x.Reply(200, "")
			return
		}
		x.Hang()
	})
	c := clientOf(t, up.URL)
	for range 15 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, err := get(ctx, c, "/", forever)
		cancel()
		require.Equal(t, errs.ClientClosed, errs.KindOf(err))
	}
	well.Store(true)
	status, err := get(t.Context(), c, "/", forever)
	require.NoError(t, err)
	require.Equal(t, 200, status)
}

func trip(t *testing.T, c *upstream.Client) {
	t.Helper()
	for range 5 {
		_, err := get(t.Context(), c, "/", time.Millisecond)
		require.Equal(t, errs.GatewayTimeout, errs.KindOf(err))
	}
	_, err := get(t.Context(), c, "/", forever)
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Positive(t, e.RetryAfter)
}

func TestBreakerRefusesAndClosesByItself(t *testing.T) {
	var well atomic.Bool
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if !well.Load() {
			x.Hang()
			return
		}
		x.Reply(200, "")
	})
	c := clientOf(t, up.URL)
	trip(t, c)
	well.Store(true)
	require.Eventually(t, func() bool {
		status, err := get(t.Context(), c, "/", forever)
		return err == nil && status == 200
	}, forever, 5*time.Millisecond)
}

func TestErrorsNameNoHost(t *testing.T) {
	c := clientOf(t, "http://doc-service.invalid:8001")
	_, err := get(t.Context(), c, "/", forever)
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, errs.BadGateway, e.Kind)
	require.Equal(t, "Service unavailable", e.Detail)
	require.ErrorContains(t, e.Unwrap(), "doc-service.invalid", "the log says more")
}

func TestIdentityHeaders(t *testing.T) {
	h := http.Header{}
	upstream.Identity{UserID: "u", GroupIDs: []string{"a", "b"}, IsAdmin: true, RequestID: "r"}.Set(h)
	require.Equal(t, http.Header{"X-User-Id": {"u"}, "X-User-Groups": {"a,b"}, "X-User-Is-Admin": {"true"}, "X-Request-Id": {"r"}}, h)
	upstream.Identity{UserID: "u"}.Set(h)
	require.Equal(t, http.Header{"X-User-Id": {"u"}, "X-User-Groups": {""}, "X-User-Is-Admin": {"false"}, "X-Request-Id": {""}}, h)
}

func TestReplyAddsToWhatTheHouseSaysAlready(t *testing.T) {
	dst, reply := http.Header{"Vary": {"Origin"}}, http.Header{"Vary": {"Accept"}, "Etag": {"x"}}
	upstream.ReturnHeader(dst, reply)
	require.Equal(t, http.Header{"Vary": {"Origin", "Accept"}, "Etag": {"x"}}, dst)
}

func BenchmarkForwardedHeader(b *testing.B) {
	in := http.Header{"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Authorization": {"x"}, "User-Agent": {"x"}, "X-Requested-With": {"x"},
		"Accept-Language": {"de"}, "Sec-Fetch-Mode": {"cors"}, "Referer": {"x"}, "Origin": {"x"}}
	b.ReportAllocs()
	for b.Loop() {
		upstream.ForwardedHeader(in)
	}
}
