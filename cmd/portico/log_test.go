package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// secrets are what a log must never hold, by what they are.
type secrets map[string]string

// TestLog sends secrets to every place where people and programs put them by mistake, and looks for them in the log.
func TestLog(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		known := secrets{"service token": "s3rv1ce-t0ken-" + canary, "private key": body(gatewaytest.PrivateKey), "public key": body(gatewaytest.PublicKey)}
		e := on(d).with(env{
			"PORTICO_LOG_FORMAT": "json", "PORTICO_LOG_LEVEL": "debug", "PORTICO_SERVICE_TOKEN": known["service token"],
			"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
		})
		if d.Name == "postgres" {
			e["DATABASE_URL"], known["database password"] = withPassword(t, d.URL)
		}
		g := in(t, e).serve(t)
		secretKey, err := os.ReadFile(filepath.Join(g.DataDir, "secret.key"))
		require.NoError(t, err)
		known["secret key"] = strings.TrimSpace(string(secretKey))

		const ann = "ann@example.com"
		known["password"], known["wrong password"] = testkit.Password, "Wr0ng&Sturdy!bridge"
		g.register(t, ann)
		known["token"] = g.SignIn(t, ann, testkit.Password)
		require.Equal(t, http.StatusUnauthorized, g.signInFails(t, ann, known["wrong password"]))
		require.Equal(t, http.StatusUnauthorized, g.signInFails(t, known["password"], "x")) // the wrong field
		known["hash"] = hashOf(t, d, ann)
		g.misplace(t, known)
		g.garble(t)
		g.upload(t, known["token"], pdf("Logged", 1, 0))
		require.Equal(t, 0, g.stop(t))

		requireLog(t, g, known)
	})
}

// misplace sends secrets where they do not belong.
func (g *gateway) misplace(t *testing.T, known secrets) {
	t.Helper()
	for _, secret := range []string{known["token"], known["password"], known["service token"], known["hash"]} {
		escaped := url.QueryEscape(secret)
		for _, r := range []testkit.Request{
			{Method: http.MethodGet, Path: "/api/users/me?token=" + escaped},
			{Method: http.MethodGet, Path: "/api/users/me?access_token=" + escaped + "&password=" + escaped},
			{Method: http.MethodGet, Path: "/api/documents?q=" + escaped, Token: known["token"]},
			{Method: http.MethodGet, Path: "/api/users/me", Header: http.Header{"Authorization": {"Basic " + secret}}},
			{Method: http.MethodGet, Path: "/api/users/me", Header: http.Header{"Authorization": {secret}}},
			{Method: http.MethodGet, Path: "/api/users/me", Header: http.Header{"Authorization": {"Bearer " + secret + "x"}}},
			{Method: http.MethodGet, Path: "/api/users/me", Header: http.Header{"Cookie": {"session=" + secret}, "X-Api-Key": {secret}, "Referer": {"http://x/?token=" + secret}}},
			{Method: http.MethodPost, Path: "/api/auth/login?password=" + escaped, Type: "application/x-www-form-urlencoded", Body: "password=" + escaped},
			{Method: http.MethodPost, Path: "/api/auth/register", Body: `{"email":"` + secret + `","password":"` + secret + `","token":"` + secret + `"}`},
			{Method: http.MethodPost, Path: "/api/auth/register", Body: `{"password":"` + secret},
			{Method: http.MethodPatch, Path: "/api/users/me/preferences", Token: known["token"], Body: `{"app_ids":["` + secret + ` "],"password":"` + secret + `"}`},
		} {
			require.Less(t, g.Call(t, r).Status, 500, "%s %s", r.Method, r.Path)
		}
	}
	for _, secret := range []string{known["token"], "Bearer " + known["token"]} { // in a path only what is known by its form
		require.Equal(t, http.StatusNotFound, g.get(t, known["token"], "/api/documents/"+url.PathEscape(secret)).Status)
		require.Equal(t, http.StatusNotFound, g.get(t, "", "/reset/"+url.PathEscape(secret)).Status)
	}
}

// garble sends what would break a line of the log, or forge one.
func (g *gateway) garble(t *testing.T) {
	t.Helper()
	for _, request := range []string{
		"GET /%0d%0a%7b%22msg%22:%22forged%22%7d HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /%1b%5b31m%00%7f%c2%85%e2%80%a8 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\\c\tforged\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: x\r\nUser-Agent: \x1b[31m\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xe2\x80\xa8{\r\n\r\n",
		"GET /api/documents/%0a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\t{\"msg\":\"forged\"}\r\n\r\n",
		"F\x01RGED /x HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, "%q", request)
		require.GreaterOrEqual(t, resp.StatusCode, 400)
		require.Less(t, resp.StatusCode, 500)
		conn.Close()
	}
}

// requireLog looks at every line: one object each, of plain characters, with the id of the request it belongs to, and
// without a secret.
func requireLog(t *testing.T, g *gateway, known secrets) {
	t.Helper()
	messages := map[string]int{}
	for line := range strings.Lines(g.err.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		text, ok := strings.CutSuffix(line, "\n")
		require.True(t, ok)
		require.NotContains(t, record["msg"], "forged")
		require.False(t, strings.ContainsFunc(text, func(r rune) bool {
			return r < ' ' || 0x7f <= r && r <= 0x9f || r == '\u2028' || r == '\u2029' || r == '\ufffd'
		}), text)
		for what, secret := range known {
			require.NotContains(t, text, secret, what)
			require.NotContains(t, text, url.QueryEscape(secret), what)
		}
		msg := record["msg"].(string)
		messages[msg]++
		if record["path"] != nil || strings.HasPrefix(msg, "login") || msg == "registered" || strings.HasPrefix(msg, "request") {
			require.NotEmpty(t, record["request_id"], line)
		}
		if strings.HasPrefix(msg, "login") || msg == "registered" {
			require.Equal(t, "127.0.0.1", record["address"], line)
			require.Contains(t, record, "user_id", line)
		}
	}
	require.Equal(t, 1, messages["registered"], messages)
	require.Equal(t, 1, messages["login"], messages)
	require.Equal(t, 2, messages["login failed"], messages)
	require.Greater(t, messages["request"], 60, messages)
	require.NotContains(t, g.out.String(), known["password"])
}

// body is the part of a key that is nobody else's.
func body(key string) string { return strings.Split(key, "\n")[5] }

// withPassword gives the URL a password where it has none, for the server of the tests asks for none.
func withPassword(t *testing.T, text string) (withIt, password string) {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	if password, set := u.User.Password(); set {
		return text, password
	}
	u.User = url.UserPassword(u.User.Username(), "d4tabase-"+canary)
	return u.String(), "d4tabase-" + canary
}

func hashOf(t *testing.T, d testkit.Database, email string) (hash string) {
	t.Helper()
	require.NoError(t, d.Open(t).Raw("SELECT hashed_password FROM users WHERE email = ?", email).Scan(&hash).Error)
	require.NotEmpty(t, hash)
	return hash
}
