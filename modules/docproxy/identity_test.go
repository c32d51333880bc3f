package docproxy

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

func TestIdentityReachesTheServiceOnceAndNobodyElsesDoes(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	forged := []string{
		"x-user-id", "X-User-Id", "X-USER-ID", "x_user_id", "X_User_Id", "x.user.id", "x-user_id", "X-User.Id", "x!user!id", "x~user-id",
		"x-user-groups", "x_user_groups", "x-user-is-admin", "X_USER_IS_ADMIN", "x.user.is.admin", "x-user-anything",
		"x-forwarded-for", "X_Forwarded_For", "x-forwarded-host", "x-forwarded-proto", "x.forwarded.port", "forwarded", "x-real-ip", "x_real_ip",
		"true-client-ip", "via", "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x_original_url", "x-rewrite-url",
		"x-accel-redirect", "x_request_id", "cookie", "proxy-authorization", "proxy", "te", "keep-alive", "expect-not",
	}
	for _, connection := range []string{"close", "X-User-Id, X-User-Groups, x-user-is-admin, X-Request-Id, close"} {
		var lines []string
		for _, name := range forged {
			lines = append(lines, name+": forged")
		}
		c := h.raw(t, "GET /api/documents HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer u1\r\nAccept: text/x-kept\r\nX-Custom: kept\r\n"+
			strings.Join(lines, "\r\n")+"\r\nConnection: "+connection+"\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode)
		got := up.Next(t)
		require.Equal(t, "GET /documents HTTP/1.1", got.Line)
		require.Equal(t, []string{"u1"}, got.Values("X-User-Id"))
		require.Equal(t, []string{"g1,g2"}, got.Values("X-User-Groups"))
		require.Equal(t, []string{"false"}, got.Values("X-User-Is-Admin"))
		require.Equal(t, []string{res.Header.Get("X-Request-Id")}, got.Values("X-Request-Id"))
		require.Equal(t, []string{strings.TrimPrefix(up.URL, "http://")}, got.Values("Host"))
		require.Empty(t, got.Values("Accept-Encoding"), "the gateway asks for nothing the client did not")
		require.Equal(t, "kept", got.Header("X-Custom"))
		require.Equal(t, "text/x-kept", got.Header("Accept"))
		for _, line := range got.Headers {
			if !strings.HasPrefix(line, "Expect-Not") {
				require.NotContains(t, line, "forged")
				require.NotContains(t, line, "Bearer")
				require.NotContains(t, line, "Go-http-client", "the gateway does not name itself")
			}
		}
	}
}

func TestIdentityOfAnAdminWithoutGroups(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	h.groups = func(string) ([]string, error) { return nil, nil }
	req := h.request(t, "GET", "/api/documents", nil)
	req.Header.Set("Authorization", "Bearer admin1")
	res, err := h.client.Do(req)
	require.NoError(t, err)
	res.Body.Close()
	got := up.Next(t)
	require.Equal(t, []string{""}, got.Values("X-User-Groups"))
	require.Equal(t, []string{"true"}, got.Values("X-User-Is-Admin"))
}

func TestTrailersDoNotCarryIdentity(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadSome(int64(len("2\r\nhi\r\n0\r\n\r\n")))
		x.Send("HTTP/1.1 204 No Content\r\n\r\n")
	})
	h := open(t, up.URL)
	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-Id\r\n\r\n"+
		"2\r\nhi\r\n0\r\nX-User-Id: forged\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 204, res.StatusCode)
	require.NotContains(t, strings.Join(up.Next(t).Headers, "\n"), "Trailer")
}

func TestNothingIsForwardedWithoutIdentity(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	h.groups = func(string) ([]string, error) {
		return nil, errs.Wrap(errs.Unavailable, "", errors.New("database is down"))
	}
	res, body := h.do(t, "GET", "/api/documents", nil)
	require.Equal(t, 503, res.StatusCode)
	require.NotContains(t, body, "database")

	res, err := http.Get(h.URL + "/api/documents/x")
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, 401, res.StatusCode)
	up.None(t)
}

func TestMethods(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range []string{"/documents", "/documents/", "/documents/categories/7"} {
			res, _ := h.do(t, method, "/api"+path, nil)
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, method+" "+path+" HTTP/1.1", up.Next(t).Line)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "get"} {
		c := h.raw(t, method+" /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 0\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, 405, res.StatusCode, method)
	}
	for _, headers := range [][]string{
		{"Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		{"Upgrade: websocket", "Connection: Upgrade"},
		{"Upgrade: websocket"},
	} {
		res, _ := h.do(t, "GET", "/api/documents", nil, headers...)
		require.Equal(t, 400, res.StatusCode, headers)
	}
	up.None(t)
}

func TestTargetPassesByteForByte(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	for _, target := range []string{
		"/documents?a=1;b=2&c=%zz&d=%2e%2e&e=+&f", "/documents?", "/documents/a%20b/?x", "/documents/caf%c3%a9", "/documents/a+b,c;d=(e)",
		"/documents?q=\"<é>|", "/documents/x?next=http://h/../y&&=",
	} {
		c := h.raw(t, "GET /api"+target+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode, target)
		require.Equal(t, "GET "+target+" HTTP/1.1", up.Next(t).Line)
	}
	for _, target := range []string{"/documents/..", "/documents/%2e%2e/users", "/documents/..%2fusers", "/documents/a%2fb", "/documents/a%5cb", "/documents//a", "/documents/a%00"} {
		c := h.raw(t, "GET /api"+target+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Contains(t, []int{400, 404}, res.StatusCode, target)
	}
	up.None(t)
}

func TestAmbiguousLengthIsRefused(t *testing.T) {
	up := testkit.NewUpstream(t, ok)
	h := open(t, up.URL)
	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 400, res.StatusCode)
	up.None(t)
}
