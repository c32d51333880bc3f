package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/web"
)

const patience = 30 * time.Second

// talk opens a connection to the server and sends the text on it.
func talk(t testing.TB, server *httptest.Server, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

func answer(t testing.TB, in *bufio.Reader) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp
}

// streams are raw routes that go on for as long as somebody takes part.
func streams(stall time.Duration, ended chan<- error) func(*web.Options) {
	return func(o *web.Options) {
		o.Stall = stall
		o.Routes = append(o.Routes, web.RouteSet{Module: "streams", Routes: []web.Route{
			web.Raw("POST", "/in", web.Public, func(w http.ResponseWriter, r *http.Request) error {
				_, err := io.Copy(io.Discard, r.Body)
				ended <- err
				return err
			}),
			web.Raw("GET", "/out", web.Public, func(w http.ResponseWriter, r *http.Request) error {
				_, err := io.Copy(w, endless{})
				ended <- err
				return err
			}),
		}})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A request that is refused hears so whether its body comes or not, and its connection serves another one if it does.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	server := newSite(t, io.Discard)
	const post = "POST /nowhere HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		ask    string
		goesOn bool
	}{
		"all of it is here": {post + "Content-Length: 5\r\n\r\nhello", true},
		"in chunks":         {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
		"half of it":        {post + "Content-Length: 5\r\n\r\nhe", false},
		"nothing of it":     {post + "Content-Length: 5\r\n\r\n", false},
		"nothing of a lot":  {post + "Content-Length: 5000000000\r\n\r\n", false},
		"half a chunk":      {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", false},
		"still to be asked": {post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", false},
	} {
		conn, in := talk(t, server, c.ask)
		resp := answer(t, in)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, name)
		require.Equal(t, !c.goesOn, resp.Close, name)
		if c.goesOn {
			_, err := io.WriteString(conn, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			require.Equal(t, http.StatusNotFound, answer(t, in).StatusCode, name)
		}
	}
}

func TestBodiesKeepTheirPace(t *testing.T) {
	ended := make(chan error, 1)
	server := newSite(t, io.Discard, streams(200*time.Millisecond, ended))
	outcome := func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			require.Fail(t, "it goes on")
			return nil
		}
	}

	t.Run("what drips is cut", func(t *testing.T) {
		conn, _ := talk(t, server, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
		go func() {
			for _, err := io.WriteString(conn, "x"); err == nil; _, err = io.WriteString(conn, "x") {
				time.Sleep(time.Millisecond)
			}
		}()
		require.ErrorContains(t, outcome(), "timeout")
	})
	t.Run("what nobody reads is cut", func(t *testing.T) {
		talk(t, server, "GET /out HTTP/1.1\r\nHost: x\r\n\r\n")
		require.ErrorContains(t, outcome(), "timeout")
	})
	t.Run("replies that nobody reads are cut", func(t *testing.T) {
		conn, _ := talk(t, server, "")
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		var err error
		for err == nil { // until the server neither reads nor writes, and then until it is gone
			_, err = io.WriteString(conn, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100))
		}
		require.NotErrorIs(t, err, net.ErrClosed)
		require.NotContains(t, err.Error(), "i/o timeout", "the server holds on to it")
	})
	t.Run("what is slow goes on, in and out", func(t *testing.T) {
		const steps, step = 30, 100 * time.Millisecond // longer than the stall in all
		server := newSite(t, io.Discard, streams(2*time.Second, ended))
		conn, in := talk(t, server, "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		block := strings.Repeat("x", 64<<10)
		for range steps {
			_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(block), block)
			require.NoError(t, err)
			time.Sleep(step)
		}
		_, err := io.WriteString(conn, "0\r\n\r\n")
		require.NoError(t, err)
		require.NoError(t, outcome())
		require.Equal(t, http.StatusOK, answer(t, in).StatusCode)

		conn, in = talk(t, server, "GET /out HTTP/1.1\r\nHost: x\r\n\r\n")
		for range steps {
			_, err := io.CopyN(io.Discard, in, 1<<20)
			require.NoError(t, err)
			time.Sleep(step)
		}
		conn.Close()
		require.NotContains(t, fmt.Sprint(outcome()), "timeout")
	})
}

// What a form says beside the fields that are asked for is not kept, and a refusal tells little of what it refuses.
func TestRefusalsAreShort(t *testing.T) {
	server := newSite(t, io.Discard)
	for name, body := range map[string]string{
		"a text":    `{"email":"` + strings.Repeat("é", 400_000) + `"}`,
		"a list":    `{"email":[` + strings.Repeat("{},", 300_000) + `0]}`,
		"a number":  `{"size":` + strings.Repeat("9", 900_000) + `}`,
		"an object": `{"email":"a@b.c","password":"longenough","mode":{"x":"` + strings.Repeat("y", 900_000) + `"}}`,
	} {
		resp, text := do(t, server, call{method: "POST", path: "/api/people", body: body})
		require.Equal(t, http.StatusUnprocessableEntity, resp.StatusCode, name)
		require.Less(t, len(text), 5000, name)
		require.NotContains(t, text, strings.Repeat("y", 10), name)
	}
	_, text := do(t, server, call{method: "POST", path: "/api/people", body: `{"email":"` + strings.Repeat("x", 50_000) + `","password":"longenough"}`})
	require.Contains(t, text, strings.Repeat("x", 50_000), "what is not very large is shown whole")
}
