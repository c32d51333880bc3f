package docproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
	"portico.internal/platform/upstream"
)

func TestUnreachableOrBrokenServiceIs502(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	start := func(answer func(*testkit.Exchange)) string { return testkit.NewUpstream(t, answer).URL }
	for name, serviceURL := range map[string]string{
		"refused":                   "http://" + closed.Addr().String(),
		"no such host":              "http://doc-service.invalid:8001",
		"reset before the head":     start(func(x *testkit.Exchange) { x.Reset() }),
		"closed before the head":    start(func(x *testkit.Exchange) { x.Finish() }),
		"closed inside of the head": start(func(x *testkit.Exchange) { x.Send("HTTP/1.1 200 OK\r\nContent-"); x.Finish() }),
		"not HTTP":                  start(func(x *testkit.Exchange) { x.Send("SSH-2.0-OpenSSH_9.2\r\n\r\n"); x.Finish() }),
		"status 000":                start(func(x *testkit.Exchange) { x.Reply(0, "x") }),
		"status 099":                start(func(x *testkit.Exchange) { x.Reply(99, "x") }),
		"status 999":                start(func(x *testkit.Exchange) { x.Reply(999, "x") }),
		"switching protocols":       start(func(x *testkit.Exchange) { x.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") }),
		"two lengths": start(func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
		}),
		"length and chunked": start(func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
		}),
		"endless head": start(func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\n")
			for x.Send("X-More: " + strings.Repeat("x", 4000) + "\r\n") {
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, serviceURL)
			for _, method := range []string{"GET", "POST"} {
				res, body := h.do(t, method, "/api/documents", nil)
				require.Equal(t, 502, res.StatusCode)
				require.Equal(t, `{"detail":"Document service unavailable"}`, body)
				require.Equal(t, "application/json", res.Header.Get("Content-Type"))
			}
			res, body := h.do(t, "POST", "/api/documents", strings.NewReader("hello"))
			require.Equal(t, 502, res.StatusCode)
			require.Equal(t, `{"detail":"Document service unavailable"}`, body)
		})
	}
}

func TestSlowServiceIs504(t *testing.T) {
	for name, answer := range map[string]func(*testkit.Exchange){
		"no head": func(x *testkit.Exchange) { x.ReadBody(); x.Hang() },
		"dripping head": func(x *testkit.Exchange) {
			x.ReadBody()
			x.Drip(strings.Repeat("HTTP/1.1 200 OK", 1000), 10*time.Millisecond)
		},
		"body is not read": func(x *testkit.Exchange) { x.HangUnread() },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, testkit.NewUpstream(t, answer).URL)
			h.proxy.ResponseHeaderTimeout = 100 * time.Millisecond
			h.limit.Store(1 << 30)
			for _, size := range []int64{0, 5, 64 << 20} { // the last does not fit into the sockets
				body := io.Reader(http.NoBody)
				if size > 0 {
					body = zeros(size)
				}
				res, err := h.client.Do(h.request(t, "POST", "/api/documents", body))
				if err != nil && size > 1<<20 {
					continue // the client was still sending when the connection was closed
				}
				require.NoError(t, err)
				text, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				res.Body.Close()
				require.Equal(t, 504, res.StatusCode)
				require.Equal(t, `{"detail":"Document service timed out"}`, string(text))
			}
			within(t, "the log", func() bool { return strings.Count(h.log.String(), "status=504") == 3 })
		})
	}
}

func TestTheServicesOwnErrorsPass(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 413, 418, 422, 429, 500, 502, 503, 504, 599} {
		up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
			x.Reply(status, `{"detail":"mine"}`, "Content-Type: application/problem+json", "Retry-After: 7")
		})
		h := open(t, up.URL)
		for range 10 { // no breaker opens on these
			res, body := h.do(t, "GET", "/api/documents/x", nil)
			require.Equal(t, status, res.StatusCode)
			require.Equal(t, `{"detail":"mine"}`, body)
			require.Equal(t, "7", res.Header.Get("Retry-After"))
		}
	}
}

func TestAnswerBeforeTheUploadIsOverPasses(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadSome(10)
		x.Send("HTTP/1.1 415 Unsupported Media Type\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		x.Hang()
	})
	h := open(t, up.URL)
	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 1000))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 415, res.StatusCode)
	require.True(t, res.Close, "nobody must send another request after what is left of the upload")
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "no", string(body))
}

func TestBodiesAreSentOnce(t *testing.T) {
	var calls atomic.Int64
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if calls.Add(1) == 1 {
			x.Reply(200, "ok") // leaves a connection that can be reused
			return
		}
		x.ReadBody()
		x.Finish()
	})
	h := open(t, up.URL)
	res, _ := h.do(t, "POST", "/api/documents", strings.NewReader("one"), "Idempotency-Key: k")
	require.Equal(t, 200, res.StatusCode)
	res, _ = h.do(t, "POST", "/api/documents", strings.NewReader("two"), "Idempotency-Key: k")
	require.Equal(t, 502, res.StatusCode)
	require.EqualValues(t, 2, calls.Load())
}

func TestHangingServiceFillsItsPlacesAndThenIsRefused(t *testing.T) {
	release := make(chan struct{})
	var hanging atomic.Int64
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		hanging.Add(1)
		<-release
		x.Reply(200, "ok")
	})
	h := open(t, up.URL, upstream.MaxInFlight(4))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			res, err := h.client.Do(h.request(t, "GET", "/api/documents", nil))
			if err == nil {
				res.Body.Close()
			}
		})
	}
	within(t, "four calls", func() bool { return hanging.Load() == 4 })
	res, body := h.do(t, "GET", "/api/documents", nil)
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.Equal(t, `{"detail":"Document service is busy"}`, body)
	close(release)
	wg.Wait()
	within(t, "the places are free again", func() bool {
		res, _ := h.do(t, "GET", "/api/documents", nil)
		return res.StatusCode == 200
	})
}

// One caller has no more than a share of the places; the others have theirs.
func TestOneCallerLeavesPlacesToOthers(t *testing.T) {
	release := make(chan struct{})
	var hanging atomic.Int64
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		hanging.Add(1)
		<-release
		x.Reply(200, "ok")
	})
	h := open(t, up.URL)
	var wg sync.WaitGroup
	for range maxShare {
		wg.Go(func() {
			if res, err := h.client.Do(h.request(t, "GET", "/api/documents", nil)); err == nil {
				res.Body.Close()
			}
		})
	}
	within(t, "the share is taken", func() bool { return hanging.Load() == maxShare })
	res, body := h.do(t, "GET", "/api/documents", nil)
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.Equal(t, `{"detail":"Too many requests of yours are under way"}`, body)

	other := h.request(t, "GET", "/api/documents", nil)
	other.Header.Set("Authorization", "Bearer u2")
	wg.Go(func() {
		if res, err := h.client.Do(other); err == nil {
			res.Body.Close()
		}
	})
	within(t, "the other caller's call", func() bool { return hanging.Load() == maxShare+1 })
	close(release)
	wg.Wait()
	within(t, "the share is free again", func() bool {
		res, _ := h.do(t, "GET", "/api/documents", nil)
		return res.StatusCode == 200
	})
}

func TestBreakerOpensOnAServiceThatHangsAndClosesByItself(t *testing.T) {
	var well atomic.Bool
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		if well.Load() {
			x.Reply(200, "ok")
			return
		}
		x.Hang()
	})
	h := open(t, up.URL)
	h.proxy.ResponseHeaderTimeout = 20 * time.Millisecond
	var statuses []int
	within(t, "the breaker opens", func() bool {
		res, _ := h.do(t, "GET", "/api/documents", nil)
		statuses = append(statuses, res.StatusCode)
		return res.StatusCode == 503 && res.Header.Get("Retry-After") != ""
	})
	require.Equal(t, []int{504, 504, 504, 504, 504, 503}, statuses)
	well.Store(true)
	h.proxy.ResponseHeaderTimeout = patience
	within(t, "the breaker closes", func() bool {
		res, _ := h.do(t, "GET", "/api/documents", nil)
		return res.StatusCode == 200
	})
}
