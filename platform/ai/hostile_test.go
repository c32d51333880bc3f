package ai_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/ai"
	"portico.internal/platform/testkit"
)

// moment is a limit of time for servers that would take for ever.
const moment = 300 * time.Millisecond

// raw makes a server on a socket, which answers as the function wants.
func raw(t *testing.T, answer func(*testkit.Exchange)) string {
	t.Helper()
	return testkit.NewUpstream(t, answer).URL
}

// Whatever is at an address, if it is not the provider then no text tells it from the others.
func TestOpenAndClosedPortsAreToldAlike(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + ln.Addr().String()
	ln.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()

	const html = "<html><body>" + echo + "</body></html>"
	answer := func(status int, body string, headers ...string) string {
		return raw(t, func(x *testkit.Exchange) { x.Reply(status, body, headers...) })
	}
	send := func(text string) string {
		return raw(t, func(x *testkit.Exchange) { x.ReadBody(); x.Send(text); x.Finish() })
	}
	places := map[string]string{
		"nothing listens":             closed,
		"no such name":                "http://" + strings.Repeat("x", 64) + ".invalid", // too long for a look-up to be sent
		"an untrusted certificate":    secure.URL,
		"HTTP where TLS is meant":     strings.Replace(answer(200, "{}"), "http:", "https:", 1),
		"TLS where HTTP is meant":     strings.Replace(secure.URL, "https:", "http:", 1),
		"it never answers":            raw(t, func(x *testkit.Exchange) { x.HangUnread() }),
		"it closes at once":           raw(t, func(x *testkit.Exchange) { x.Finish() }),
		"it resets":                   raw(t, func(x *testkit.Exchange) { x.Reset() }),
		"another protocol":            send("SSH-2.0-" + echo + "\r\n"),
		"a broken status":             send("HTTP/1.1 2" + key + " OK\r\n\r\n"),
		"a broken header":             send("HTTP/1.1 200 OK\r\n" + echo + "\r\n\r\n"),
		"a broken length":             send("HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n"),
		"a broken chunk":              send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + echo + "\r\n"),
		"a head without end":          send("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+echo+"\r\n", 4000)),
		"half a body":                 send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + `{"type": "` + echo),
		"a status that means nothing": answer(999, `{}`),
		"another connection":          send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + echo),
		"another connection, for ever": raw(t, func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			x.HangUnread()
		}),
		"interim replies, for ever":    raw(t, func(x *testkit.Exchange) { x.Drip(strings.Repeat("HTTP/1.1 103 E\r\n\r\n", 1e6), time.Millisecond) }),
		"a page":                       answer(200, html),
		"a page not found":             answer(404, html),
		"a page for the password":      answer(401, html, `WWW-Authenticate: Basic realm="`+echo+`"`),
		"a page for the limit":         answer(429, html),
		"a page for what went wrong":   answer(500, html),
		"a moved page":                 answer(301, html, "Location: /"+key),
		"a page elsewhere":             answer(307, html, "Location: http://169.254.169.254/"+key),
		"a broken redirect":            answer(302, html, "Location: ://"+key),
		"an unchanged page":            answer(304, ""),
		"no content":                   answer(204, ""),
		"an empty body":                answer(200, ""),
		"other JSON":                   answer(200, `{"canary": "`+echo+`"}`),
		"other JSON for the password":  answer(401, `{"detail": "`+echo+`"}`),
		"other JSON for nothing there": answer(404, `{"detail": "Not Found"}`),
		"other JSON for what is wrong": answer(500, `{"status": 500, "message": "`+echo+`"}`),
		"a list":                       answer(200, `["`+echo+`"]`),
		"null":                         answer(200, `null`),
		"null, not found":              answer(404, `null`),
		"wrong types":                  answer(200, `{"type": ["`+key+`"], "id": 1, "choices": "`+key+`", "data": 3, "message": 1, "details": 2, "error": 4}`),
		"two documents":                answer(200, `{"type": "model", "id": "x", "object": "model", "data": [], "details": {}, "message": {"role": "x"}, "done": true}{}`),
		"deep nesting":                 answer(200, strings.Repeat(`{"error":`, 20_000)),
		"more than is read":            answer(200, `{"type": "`+strings.Repeat(echo, 2000)+`"}`),
		"a drip": raw(t, func(x *testkit.Exchange) {
			x.ReadBody()
			x.Send("HTTP/1.1 200 OK\r\n\r\n")
			x.Drip(strings.Repeat(" ", 1e6), 5*time.Millisecond)
		}),
		"a dripping head": raw(t, func(x *testkit.Exchange) {
			x.ReadBody()
			x.Drip("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1e6), 5*time.Millisecond)
		}),
		"an endless body, at full speed": raw(t, func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\n\r\n")
			for x.Send(strings.Repeat(" ", 64<<10)) {
			}
		}),
	}
	client := newClient(t).Bound(moment, 64<<10)
	type outcome struct {
		place    string
		provider ai.Provider
		err      error
	}
	outcomes := make(chan outcome, len(places)*len(ai.Providers)*len(calls))
	for place, base := range places {
		for _, p := range ai.Providers {
			for _, call := range calls {
				go func() { outcomes <- outcome{place, p, call(t, client, endpoint(p, base))} }()
			}
		}
	}
	for range cap(outcomes) {
		o := <-outcomes
		f := failure(t, o.err, ai.Unreachable, o.place)
		require.Equal(t, unreachableText(o.provider), f.Error(), o.place)
		require.Error(t, f.Unwrap(), "%s: nothing to debug with", o.place)
	}
}

func TestReadingEndsAtTheLimits(t *testing.T) {
	t.Run("time, whatever the server does", func(t *testing.T) {
		gone := make(chan bool, 4)
		up := raw(t, func(x *testkit.Exchange) {
			x.ReadBody()
			x.Send("HTTP/1.1 200 OK\r\n\r\n")
			gone <- !x.Drip(strings.Repeat(" ", 1e6), time.Millisecond) // false: the other side has left
		})
		for name, call := range calls {
			f := failure(t, call(t, newClient(t).Bound(moment, 1<<30), endpoint(ai.Anthropic, up)), ai.Unreachable, name)
			require.ErrorIs(t, f, context.DeadlineExceeded)
			select {
			case left := <-gone:
				require.True(t, left)
			case <-time.After(20 * time.Second):
				t.Fatal("the connection is still open")
			}
		}
	})
	t.Run("bytes, to the last one", func(t *testing.T) {
		model := `{"type": "model", "id": "some-model"}`
		for more, fits := range map[int]bool{0: true, 1: false} {
			up := says(t, 200, model+strings.Repeat(" ", (64<<10)-len(model)+more))
			err := newClient(t).Check(t.Context(), endpoint(ai.Anthropic, up.URL))
			require.Equal(t, fits, err == nil, "%d bytes over: %v", more, err)
		}
		answer := `{"message": {"role": "assistant", "content": "Hello"}, "done": true}`
		for more, fits := range map[int]bool{0: true, 1: false} {
			up := says(t, 200, answer+strings.Repeat(" ", (1<<20)-len(answer)+more))
			text, err := newClient(t).Complete(t.Context(), endpoint(ai.Ollama, up.URL), prompt)
			require.Equal(t, fits, err == nil, "%d bytes over: %v", more, err)
			require.Equal(t, fits, text == "Hello")
		}
	})
	t.Run("bytes, also when they grow", func(t *testing.T) {
		var bomb bytes.Buffer
		w := gzip.NewWriter(&bomb)
		_, err := w.Write([]byte(`{"type": "model", "id": "some-model"}` + strings.Repeat(" ", 20<<20)))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.Less(t, bomb.Len(), 64<<10)
		up := raw(t, func(x *testkit.Exchange) { x.Reply(200, bomb.String(), "Content-Encoding: gzip") })
		failure(t, newClient(t).Check(t.Context(), endpoint(ai.Anthropic, up)), ai.Unreachable)
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := says(t, 200, `{"type": "model", "id": "some-model", "object": "model", "data": [{"id": "some-model"}], "details": {}}`)
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, location := range []string{other.URL, other.URL + "/v1/models/some-model", "/v1/models/other", "http://169.254.169.254/latest/meta-data/", "//" + strings.TrimPrefix(other.URL, "http://")} {
			for _, p := range ai.Providers {
				up := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", location)
					w.Header().Set("Refresh", "0; url="+other.URL)
					w.WriteHeader(status)
				})
				for name, call := range calls {
					f := failure(t, call(t, newClient(t), endpoint(p, up.URL)), ai.Unreachable, name)
					require.Equal(t, unreachableText(p), f.Error())
				}
				require.Len(t, up.got(), len(calls))
			}
		}
	}
	require.Empty(t, other.got(), "the key went elsewhere")
}

// Errors of the transport quote what the other side sent, and that may be the key.
func TestWhatAnErrorOfTheTransportSaysStaysBehind(t *testing.T) {
	for name, err := range map[string]error{
		"quoted":      fmt.Errorf("malformed HTTP response %q", echo),
		"wrapped":     fmt.Errorf("%s: %w", echo, context.DeadlineExceeded),
		"certificate": &tls.CertificateVerificationError{Err: errors.New(echo)},
	} {
		client := newClient(t)
		client.Transport().DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, err }
		failure(t, client.Check(t.Context(), endpoint(ai.OpenAI, "http://127.0.0.1:1")), ai.Unreachable, name)
	}
}
