package docproxy

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestReplyPassesCleaned(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.Reply(200, "<script>", strings.Split(`Content-Type: text/html
ETag: "abc"
Accept-Ranges: bytes
Content-Disposition: attachment; filename*=UTF-8''caf%C3%A9.pdf
Last-Modified: Mon, 02 Jan 2026 15:04:05 GMT
Cache-Control: private
X-Total-Count: 3
Vary: Accept
Server: uvicorn
X-Powered-By: secret
Set-Cookie: session=stolen
Access-Control-Allow-Origin: *
access-control-allow-credentials: true
X-Accel-Redirect: /etc/passwd
X_Accel_Expires: 5
X-User-Id: someone
x_user_groups: all
X-Request-Id: theirs
Connection: keep-alive, X-Hop
X-Hop: 1
Keep-Alive: timeout=5
Proxy-Authenticate: Basic
Clear-Site-Data: "*"
Content-Security-Policy: default-src 'self'`, "\n")...)
	})
	h := open(t, up.URL)
	res, body := h.do(t, "GET", "/api/documents/x", nil, "X-Request-ID: mine")
	require.Equal(t, "<script>", body)
	res.Header.Del("Date")
	require.Equal(t, http.Header{
		"Content-Type":            {"text/html"},
		"Content-Length":          {"8"},
		"Etag":                    {`"abc"`},
		"Accept-Ranges":           {"bytes"},
		"Content-Disposition":     {"attachment; filename*=UTF-8''caf%C3%A9.pdf"},
		"Last-Modified":           {"Mon, 02 Jan 2026 15:04:05 GMT"},
		"Cache-Control":           {"private"},
		"X-Total-Count":           {"3"},
		"Vary":                    {"Accept"},
		"X-Request-Id":            {"mine"},
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"default-src 'self'", "sandbox"},
	}, res.Header)
}

func TestContentABrowserCouldRunIsSandboxed(t *testing.T) {
	for _, c := range []struct {
		contentType string
		sandboxed   bool
	}{
		{"text/html", true}, {"TEXT/HTML; charset=x", true}, {"image/svg+xml", true}, {"application/xhtml+xml", true}, {"text/xml", true},
		{"application/xml", true}, {"application/javascript", true}, {"", true}, {"nonsense", true}, {"text/html, application/json", true},
		{"application/json", false}, {"application/pdf", true}, {"image/png", false}, {"text/plain; charset=utf-8", false}, {"text/event-stream", false},
	} {
		up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
			if c.contentType == "" {
				x.Reply(200, "<html>")
			} else {
				x.Reply(200, "<html>", "Content-Type: "+c.contentType)
			}
		})
		res, _ := open(t, up.URL).do(t, "GET", "/api/documents/x", nil)
		require.Equal(t, c.contentType, res.Header.Get("Content-Type"), "nothing is guessed")
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
		require.Equal(t, c.sandboxed, res.Header.Get("Content-Security-Policy") == "sandbox", c.contentType)
	}
}

func TestPartsConditionsAndHeads(t *testing.T) {
	for _, c := range []struct {
		method, asked, reply string
		status               int
		want                 map[string]string
		body                 string
	}{
		{"GET", "Range: bytes=1-2", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nel", 206, map[string]string{"Content-Range": "bytes 1-2/5"}, "el"},
		{"GET", "If-None-Match: \"e\"", "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n", 304, map[string]string{"ETag": `"e"`}, ""},
		{"GET", "Range: bytes=9-", "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n", 416, map[string]string{"Content-Range": "bytes */5"}, ""},
		{"HEAD", "Accept: */*", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"e\"\r\n\r\n", 200, map[string]string{"Content-Length": "12345", "ETag": `"e"`}, ""},
		{"DELETE", "If-Match: \"e\"", "HTTP/1.1 204 No Content\r\n\r\n", 204, nil, ""},
	} {
		up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Send(c.reply) })
		res, body := open(t, up.URL).do(t, c.method, "/api/documents/x/content", nil, c.asked)
		require.Equal(t, c.status, res.StatusCode)
		require.Equal(t, c.body, body)
		for name, value := range c.want {
			require.Equal(t, value, res.Header.Get(name))
		}
		name, value, _ := strings.Cut(c.asked, ": ")
		require.Equal(t, value, up.Next(t).Header(name))
	}
}

func TestRedirectsPassWithTheirTargetOnOurPaths(t *testing.T) {
	var other atomic.Int64
	elsewhere := testkit.NewUpstream(t, func(x *testkit.Exchange) { other.Add(1); ok(x) })
	for location, want := range map[string]string{
		"/documents/7":            "/api/documents/7",
		"SELF/documents/7?a=1":    "/api/documents/7?a=1",
		"8":                       "/api/documents/8",
		elsewhere.URL + "/secret": "",
		"SELF/health":             "",
	} {
		var self string
		up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
			x.Reply(307, "", "Location: "+strings.ReplaceAll(location, "SELF", self))
		})
		self = up.URL
		res, _ := open(t, up.URL).do(t, "GET", "/api/documents/x", nil)
		require.Equal(t, 307, res.StatusCode)
		require.Equal(t, want, res.Header.Get("Location"), location)
	}
	require.Zero(t, other.Load(), "redirects are not followed")
}
