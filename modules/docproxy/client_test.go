package docproxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestUploadOverTheLimit(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	const limit = 1<<20 + multipartFrame
	h.limit.Store(1 << 20)

	c := h.raw(t, fmt.Sprintf("POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: %d\r\n\r\n", limit+1))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err, "the answer comes before the body")
	require.Equal(t, 413, res.StatusCode)
	up.None(t)

	res, _ = h.do(t, "POST", "/api/documents", bytes.NewReader(make([]byte, limit)))
	require.Equal(t, 200, res.StatusCode, "the limit itself is allowed")
	require.True(t, up.Next(t).Body.Complete)
	res, _ = h.do(t, "PATCH", "/api/documents/x", zeros(limit))
	require.Equal(t, 200, res.StatusCode)
	require.True(t, up.Next(t).Body.Complete)

	c = h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nTransfer-Encoding: chunked\r\n\r\n")
	_, err = fmt.Fprintf(c, "%x\r\n%s\r\n1\r\nx\r\n", limit, make([]byte, limit))
	require.NoError(t, err)
	res, err = http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err, "the answer comes at the limit, not at the end")
	require.Equal(t, 413, res.StatusCode)
	require.False(t, up.Next(t).Body.Complete, "the service must see that the upload broke off")

	h.limit.Store(2 << 20)
	res, _ = h.do(t, "POST", "/api/documents", zeros(limit+1))
	require.Equal(t, 200, res.StatusCode, "a change of the limit holds for the next upload")
}

func TestBrokenUploadIsBrokenForTheServiceToo(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	for name, text := range map[string]string{
		"sized":                     "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 70000),
		"chunked, inside a chunk":   "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + strings.Repeat("x", 60000),
		"chunked, between chunks":   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"chunked, before the end":   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"chunked, malformed":        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
		"chunked, malformed length": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\n"+text)
			require.NoError(t, c.(*net.TCPConn).CloseWrite())
			require.False(t, up.Next(t).Body.Complete)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err == nil {
				require.GreaterOrEqual(t, res.StatusCode, 400)
			}
		})
	}
}

func TestClientGoneEndsTheCallOfTheService(t *testing.T) {
	gone := make(chan bool, 1)
	for name, c := range map[string]struct {
		text   string
		answer func(*testkit.Exchange)
	}{
		"waiting for the head": {"GET /api/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\n\r\n", func(x *testkit.Exchange) {
			gone <- x.Hang()
		}},
		"after an upload": {"POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 2\r\n\r\nhi", func(x *testkit.Exchange) {
			x.ReadBody()
			gone <- x.Hang()
		}},
		"during a download": {"GET /api/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\n\r\n", func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
			gone <- x.Hang()
		}},
		"during a quiet event stream": {"GET /api/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\n\r\n", func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			gone <- x.Hang()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			started := make(chan struct{})
			up := testkit.NewUpstream(t, func(x *testkit.Exchange) { close(started); c.answer(x) })
			h := open(t, up.URL)
			conn := h.raw(t, c.text)
			<-started
			require.NoError(t, conn.Close())
			select {
			case left := <-gone:
				require.True(t, left)
			case <-time.After(patience):
				t.Fatal("the call goes on")
			}
			within(t, "a log line with 499", func() bool { return strings.Contains(h.log.String(), "status=499") })
		})
	}
}

func TestUploadSlowerThanThePatienceIsNotCut(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	h.proxy.ResponseHeaderTimeout = 50 * time.Millisecond
	in, out := io.Pipe()
	go func() {
		for range 4 {
			_, _ = out.Write([]byte("slow and steady "))
			time.Sleep(100 * time.Millisecond)
		}
		out.Close()
	}()
	res, _ := h.do(t, "POST", "/api/documents", in)
	require.Equal(t, 200, res.StatusCode)
	require.True(t, up.Next(t).Body.Complete)
}

func TestClientThatStallsGivesItsPlaceFree(t *testing.T) {
	block := string(make([]byte, 1<<20))
	ended := make(chan struct{}, 1)
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		defer func() { ended <- struct{}{} }()
		x.ReadBody()
		x.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 1<<30))
		for x.Send(block) {
		}
	})
	h := openStalling(t, up.URL, 100*time.Millisecond)

	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 1000\r\n\r\nhalf")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 400, res.StatusCode)
	require.False(t, up.Next(t).Body.Complete)
	<-ended

	h.raw(t, "GET /api/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\n\r\n") // and never reads the reply
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the download goes on")
	}
}

// What keeps the pace of 32 KiB within the stall is never cut, however long it takes.
func TestSlowClientIsNotCut(t *testing.T) {
	const steps, step = 40, 8 << 10
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadBody()
		x.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", steps))
		x.Drip(strings.Repeat("x", steps), 50*time.Millisecond)
	})
	h := openStalling(t, up.URL, 2*time.Second)
	in, out := io.Pipe()
	go func() {
		for range steps {
			_, _ = out.Write(make([]byte, step))
			time.Sleep(100 * time.Millisecond)
		}
		out.Close()
	}()
	res, body := h.do(t, "POST", "/api/documents", in)
	require.Equal(t, 200, res.StatusCode)
	require.Len(t, body, steps)
	require.EqualValues(t, steps*step, up.Next(t).Body.Bytes)
}

// An upload that always brings something and never comes to anything does not keep its place.
func TestDrippingUploadIsCut(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.ReadBody() })
	h := openStalling(t, up.URL, 300*time.Millisecond)
	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 1000000\r\n\r\n")
	go func() {
		for _, err := c.Write([]byte("x")); err == nil; _, err = c.Write([]byte("x")) {
			time.Sleep(time.Millisecond)
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 400, res.StatusCode)
	require.False(t, up.Next(t).Body.Complete)
}

func TestClientThatWaitsForTheGoAhead(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	const head = "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nExpect: 100-continue\r\nContent-Length: "
	c := h.raw(t, head+"5\r\n\r\n")
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, _ = in.ReadString('\n')
	_, err = io.WriteString(c, "hello")
	require.NoError(t, err)
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Empty(t, up.Next(t).Header("Expect"))

	c = h.raw(t, head+"999999999\r\n\r\n")
	res, err = http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 413, res.StatusCode, "and nothing before it")
}
