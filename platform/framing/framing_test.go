package framing

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	twice   = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	swapped = "POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 5\r\n\r\n0\r\n\r\n"
	sized   = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	bait    = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 48\r\n\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
)

func serve(t *testing.T) net.Addr {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})}
	go srv.Serve(Strict(srv, ln))
	t.Cleanup(func() { srv.Close() })
	return ln.Addr()
}

func TestRequestsOfAmbiguousLengthAreRefused(t *testing.T) {
	addr := serve(t)
	for name, c := range map[string]struct {
		messages []string
		want     int
	}{
		"both":                        {[]string{twice}, 400},
		"both, other order and case":  {[]string{swapped}, 400},
		"both, on a used connection":  {[]string{sized, chunked, twice}, 400},
		"a length":                    {[]string{sized, sized}, 200},
		"chunked":                     {[]string{chunked, chunked}, 200},
		"both names inside of a body": {[]string{bait, bait}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			c1, err := net.Dial("tcp", addr.String())
			require.NoError(t, err)
			defer c1.Close()
			require.NoError(t, c1.SetDeadline(time.Now().Add(10*time.Second)))
			in := bufio.NewReader(c1)
			for i, m := range c.messages {
				_, err = io.WriteString(c1, m)
				require.NoError(t, err)
				res, err := http.ReadResponse(in, nil)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, res.Body)
				require.NoError(t, err)
				if i == len(c.messages)-1 {
					require.Equal(t, c.want, res.StatusCode)
				} else {
					require.Equal(t, 200, res.StatusCode)
				}
			}
		})
	}
}

// A client that goes on sending after it was refused reads the refusal to its end.
func TestRefusalEndsBeforeItsConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{MaxHeaderBytes: 1 << 10, ReadHeaderTimeout: time.Minute}
	strict := Strict(srv, ln)
	go func() { _ = srv.Serve(strict) }()
	t.Cleanup(func() { srv.Close() })
	c, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10))
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
}

func TestHeadIsFollowedAcrossReads(t *testing.T) {
	for _, m := range []string{twice, swapped} {
		for cut := 1; cut < len(m); cut++ {
			a, b := []byte(m[:cut]), []byte(m[cut:])
			var s scanner
			if !s.spoil(a) {
				s.spoil(b)
			}
			_, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(a) + string(b))))
			require.Error(t, err, "cut at %d", cut)
		}
	}
}

func TestRepliesOfAmbiguousLengthAreMalformed(t *testing.T) {
	const (
		ok    = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		wrong = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	)
	for name, c := range map[string]struct {
		replies []string
		broken  bool
	}{
		"plain":                     {[]string{ok, ok}, false},
		"both":                      {[]string{wrong}, true},
		"both, after a plain one":   {[]string{ok, wrong}, true},
		"both, after interim":       {[]string{"HTTP/1.1 100 Continue\r\n\r\n" + wrong}, true},
		"interim has its own count": {[]string{"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			tr := &http.Transport{Dial: func(string, string) (net.Conn, error) { return Client(here), nil }} //nolint:staticcheck // short
			go func() {
				in := bufio.NewReader(there)
				for _, r := range c.replies {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					_, _ = io.WriteString(there, r)
				}
			}()
			for i := range c.replies {
				req, _ := http.NewRequest("GET", "http://x/", nil)
				res, err := tr.RoundTrip(req)
				if c.broken && i == len(c.replies)-1 {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, res.Body)
				require.NoError(t, err)
			}
		})
	}
}
