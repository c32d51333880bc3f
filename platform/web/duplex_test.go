package web_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/web"
)

// duplex are a raw route that replies while its request comes in and does not read it, and one that reads all.
func duplex(o *web.Options) {
	o.Routes = append(o.Routes, web.RouteSet{Module: "duplex", Routes: []web.Route{
		web.Raw("POST", "/early", web.Public, func(w http.ResponseWriter, _ *http.Request) error {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				return err
			}
			_, err := io.WriteString(w, "early")
			return err
		}),
		web.Raw("POST", "/whole", web.Public, func(w http.ResponseWriter, r *http.Request) error {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				return err
			}
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, err = w.Write(body)
			}
			return err
		}),
	}})
}

// A reply that comes before the end of its request ends the connection. Else the server reads what is left and the next
// request at the same time, whose handler panics (golang/go#68560), or takes the one for the other.
func TestReplyBeforeTheEndOfItsRequest(t *testing.T) {
	server := newSite(t, io.Discard, duplex)
	const next = "POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnext"
	for name, first := range map[string]struct{ head, rest string }{
		"nothing was read": {"Content-Length: 5\r\n\r\n", "hello"},
		"it had begun":     {"Content-Length: 5\r\n\r\nhe", "llo"},
		"in chunks":        {"Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"},
		"another request":  {fmt.Sprintf("Content-Length: %d\r\n\r\n", len(next)), next},
	} {
		conn, in := talk(t, server, "POST /early HTTP/1.1\r\nHost: x\r\n"+first.head)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err, name)
		require.Equal(t, http.StatusOK, resp.StatusCode, name)
		require.True(t, resp.Close, name)
		_, err = io.WriteString(conn, first.rest+next)
		require.NoError(t, err, name)
		all, _ := io.ReadAll(resp.Body)
		require.Equal(t, "early", string(all), name)
		more, _ := io.ReadAll(in)
		require.Empty(t, more, name)
	}

	conn, in := talk(t, server, next)
	for range 3 {
		require.False(t, answer(t, in).Close, "one that was read serves another")
		_, err := io.WriteString(conn, next)
		require.NoError(t, err)
	}
}
