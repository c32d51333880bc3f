package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/logging"
	"portico.internal/platform/web"
)

// names lets in whoever says a name: "Bearer root" is a superuser.
type names struct{}

func (names) Authenticate(r *http.Request) (*identity.Caller, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		return nil, errs.New(errs.Unauthenticated, "Not authenticated")
	case name == "nobody":
		return nil, errs.New(errs.Unauthenticated, "Could not validate credentials")
	case name == "down":
		return nil, errs.New(errs.Unavailable, "").Retry(1500 * time.Millisecond)
	}
	return &identity.Caller{ID: name, IsAdmin: name == "root"}, nil
}

type person struct {
	Email    string               `json:"email" maxLength:"20"`
	Password string               `json:"password" writeOnly:"true"`
	Name     web.Optional[string] `json:"name,omitzero" nullable:"true" maxLength:"5"`
	Active   web.Optional[bool]   `json:"active,omitzero"`
	Mode     web.Optional[string] `json:"mode,omitzero" enum:"light,dark,system" nullable:"true"`
	Tags     []string             `json:"tags,omitzero" maxItems:"3" pattern:"^[a-z]+$"`
	Size     web.Optional[int]    `json:"size,omitzero" minimum:"1" maximum:"500"`
}

func (p *person) Check(c *web.Check) {
	web.Apply(c, &p.Email, func(s string) (string, error) {
		if !strings.Contains(s, "@") {
			return "", errs.InvalidInput(errs.Issue{Type: "value_error", Msg: "value is not a valid email address: An email address must have an @-sign.", Ctx: map[string]any{"reason": "An email address must have an @-sign."}})
		}
		return strings.ToLower(s), nil
	}, "email")
	web.Apply(c, &p.Password, func(s string) (string, error) {
		if len(s) < 8 {
			return "", errors.New("Password must be at least 8 characters")
		}
		return s, nil
	}, "password")
}

type personIn struct{ Body person }

type personOut struct {
	Email  string    `json:"email"`
	Name   *string   `json:"name"`
	Active *bool     `json:"active"`
	Tags   []string  `json:"tags"`
	Note   string    `json:"note"`
	At     time.Time `json:"at"`
}

type loginIn struct {
	Form struct {
		Username string `json:"username"`
		Password string `json:"password" writeOnly:"true"`
	}
}

type listIn struct {
	Q     string `query:"q"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000"`
}

type listOut struct {
	Total int `header:"X-Total-Count"`
	Body  []string
}

type thingIn struct {
	ID   string `path:"id"`
	Body *struct {
		Active bool `json:"active"`
	}
}

func fixture() []web.RouteSet {
	ok := func(context.Context, *web.None) (*map[string]string, error) {
		return &map[string]string{"a": "<&>é"}, nil
	}
	boom := func(context.Context, *web.None) (*web.None, error) {
		return nil, errors.New("dsn=postgres://u:secret@db")
	}
	return []web.RouteSet{{Module: "people", Routes: []web.Route{
		web.Post("/api/people", web.Public, func(_ context.Context, in *personIn) (*personOut, error) {
			return &personOut{Email: in.Body.Email, Name: in.Body.Name.Pointer(), Active: in.Body.Active.Pointer(), Tags: in.Body.Tags,
				Note: "<&>é", At: time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.FixedZone("", 3600))}, nil
		}, web.Status(http.StatusCreated)),
		web.Post("/api/login", web.Public, func(_ context.Context, in *loginIn) (*map[string]string, error) {
			return &map[string]string{"user": in.Form.Username}, nil
		}),
		web.Get("/api/list", web.User, func(_ context.Context, in *listIn) (*listOut, error) {
			return &listOut{Total: in.Limit, Body: nil}, nil
		}),
		web.Get("/api/me", web.User, ok), web.Patch("/api/me", web.User, ok), web.Patch("/api/mixed", web.Admin, ok),
		web.Get("/api/mixed", web.User, ok), web.Get("/api/hidden", web.Admin, ok),
		web.Get("/api/admin/things", web.Admin, ok),
		web.Patch("/api/admin/things/{id}", web.Admin, func(_ context.Context, in *thingIn) (*map[string]any, error) {
			return &map[string]any{"id": in.ID, "toggle": in.Body == nil}, nil
		}),
		web.Delete("/api/things/{id}", web.User, func(context.Context, *struct {
			ID string `path:"id"`
		}) (*web.None, error) {
			return nil, nil
		}),
		web.Get("/api/boom", web.Public, boom),
		web.Get("/api/panic", web.Public, func(context.Context, *web.None) (*web.None, error) { panic("secret") }),
		web.Get("/api/slow", web.Public, func(ctx context.Context, _ *web.None) (*web.None, error) {
			return nil, context.DeadlineExceeded
		}),
		web.Raw(http.MethodGet, "/api/files/{path...}", web.User, func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, r.PathValue("path"))
			return err
		}),
		web.Raw(http.MethodGet, "/api/files", web.User, func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "root")
			return err
		}),
		web.Raw(http.MethodGet, "/api/cut", web.Public, func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			return errors.New("the rest is gone")
		}),
		web.Get("/api/stream", web.Public, stream),
		web.Raw(http.MethodGet, "/api/addr", web.Public, func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, web.ClientAddr(r.Context()))
			return err
		}),
	}}}
}

func newSite(t testing.TB, log io.Writer, change ...func(*web.Options)) *httptest.Server {
	o := web.Options{Routes: fixture(), Authenticator: names{}, Logger: logging.New(log, "debug", "json"), Title: "Test"}
	for _, c := range change {
		c(&o)
	}
	site, err := web.New(o)
	require.NoError(t, err)
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server
}

type call struct {
	method, path, as, contentType, body string
}

// do sends the path as it is written, without the cleaning that clients do.
func do(t testing.TB, server *httptest.Server, c call) (*http.Response, string) {
	t.Helper()
	if c.contentType == "" && c.body != "" {
		c.contentType = "application/json"
	}
	var req bytes.Buffer
	fmt.Fprintf(&req, "%s %s HTTP/1.1\r\nHost: portico.test\r\nConnection: close\r\n", c.method, c.path)
	if c.as != "" {
		fmt.Fprintf(&req, "Authorization: Bearer %s\r\n", c.as)
	}
	if c.contentType != "" && c.contentType != "none" {
		fmt.Fprintf(&req, "Content-Type: %s\r\n", c.contentType)
	}
	if c.body != "" {
		fmt.Fprintf(&req, "Content-Length: %d\r\n", len(c.body))
	}
	req.WriteString("\r\n" + c.body)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	go func() { _, _ = conn.Write(req.Bytes()) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

const (
	notFound        = `{"detail":"Not Found"}`
	wrongMethod     = `{"detail":"Method Not Allowed"}`
	unauthenticated = `{"detail":"Not authenticated"}`
)

func TestGuard(t *testing.T) {
	server := newSite(t, io.Discard)
	for _, c := range []struct {
		call
		status int
		body   string
		allow  string
	}{
		{call: call{method: "GET", path: "/nowhere"}, status: 404, body: notFound},
		{call: call{method: "GET", path: "/api/me"}, status: 401, body: unauthenticated},
		{call: call{method: "GET", path: "/api/me", as: "nobody"}, status: 401, body: `{"detail":"Could not validate credentials"}`},
		{call: call{method: "GET", path: "/api/me", as: "down"}, status: 503, body: `{"detail":"Service Unavailable"}`},
		{call: call{method: "GET", path: "/api/me", as: "ann"}, status: 200, body: `{"a":"<&>é"}`},
		{call: call{method: "GET", path: "/api/m%65", as: "ann"}, status: 200, body: `{"a":"<&>é"}`},
		{call: call{method: "GET", path: "/api%2Fme", as: "ann"}, status: 200, body: `{"a":"<&>é"}`},
		{call: call{method: "GET", path: "/api//me", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "GET", path: "/api/ME", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "POST", path: "/api/me"}, status: 405, body: wrongMethod, allow: "GET, PATCH"}, // needs no token
		{call: call{method: "HEAD", path: "/api/me", as: "ann"}, status: 405, allow: "GET, PATCH"},
		{call: call{method: "OPTIONS", path: "/api/me"}, status: 405, body: wrongMethod, allow: "GET, PATCH"},
		{call: call{method: "TRACE", path: "/api/me"}, status: 405, body: wrongMethod, allow: "GET, PATCH"},
		{call: call{method: "PROPFIND", path: "/api/me"}, status: 405, body: wrongMethod, allow: "GET, PATCH"},
		{call: call{method: "PROPFIND", path: "/nowhere"}, status: 404, body: notFound},
		// Whoever is no superuser cannot tell an admin path that exists from one that does not.
		{call: call{method: "GET", path: "/api/admin/things"}, status: 401, body: unauthenticated},
		{call: call{method: "GET", path: "/api/admin/nowhere"}, status: 401, body: unauthenticated},
		{call: call{method: "PUT", path: "/api/admin/things"}, status: 401, body: unauthenticated},
		{call: call{method: "GET", path: "/api/admin/things/"}, status: 401, body: unauthenticated},
		{call: call{method: "PATCH", path: "/api/admin/things/1", body: "{"}, status: 401, body: unauthenticated},
		{call: call{method: "GET", path: "/api/admin/things", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "GET", path: "/api/admin/nowhere", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "PUT", path: "/api/admin/things", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "TRACE", path: "/api/admin/things", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "GET", path: "/api/admin/things/", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "PATCH", path: "/api/admin/things/1", as: "ann", body: "{"}, status: 404, body: notFound},
		{call: call{method: "GET", path: "/api/admin/things", as: "root"}, status: 200, body: `{"a":"<&>é"}`},
		{call: call{method: "GET", path: "/api/admin/nowhere", as: "root"}, status: 404, body: notFound},
		{call: call{method: "PUT", path: "/api/admin/things", as: "root"}, status: 405, body: wrongMethod, allow: "GET"},
		{call: call{method: "PATCH", path: "/api/admin/things/1", as: "root"}, status: 200, body: `{"id":"1","toggle":true}`},
		{call: call{method: "PATCH", path: "/api/admin/things/%00", as: "root"}, status: 404, body: notFound},
		{call: call{method: "PATCH", path: "/api/admin/things/%FF", as: "root"}, status: 404, body: notFound},
		// An admin route elsewhere, and a path that has both.
		{call: call{method: "GET", path: "/api/hidden"}, status: 401, body: unauthenticated},
		{call: call{method: "POST", path: "/api/hidden"}, status: 401, body: unauthenticated},
		{call: call{method: "POST", path: "/api/hidden", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "POST", path: "/api/hidden", as: "root"}, status: 405, body: wrongMethod, allow: "GET"},
		{call: call{method: "PATCH", path: "/api/mixed", as: "ann"}, status: 404, body: notFound},
		{call: call{method: "POST", path: "/api/mixed", as: "ann"}, status: 405, body: wrongMethod, allow: "GET"},
		{call: call{method: "POST", path: "/api/mixed"}, status: 405, body: wrongMethod, allow: "GET"},
		{call: call{method: "POST", path: "/api/mixed", as: "root"}, status: 405, body: wrongMethod, allow: "GET, PATCH"},
		{call: call{method: "DELETE", path: "/api/things/1", as: "ann"}, status: 204},
		{call: call{method: "GET", path: "/api/files/a/b%2Fc", as: "ann"}, status: 200, body: "a/b/c"},
		{call: call{method: "GET", path: "/api/files/", as: "ann"}, status: 200, body: ""},
		{call: call{method: "GET", path: "/api/files", as: "ann"}, status: 200, body: "root"},
		{call: call{method: "GET", path: "/api/boom"}, status: 500, body: `{"detail":"Internal Server Error"}`},
		{call: call{method: "GET", path: "/api/panic"}, status: 500, body: `{"detail":"Internal Server Error"}`},
		{call: call{method: "GET", path: "/api/slow"}, status: 503, body: `{"detail":"Service Unavailable"}`},
	} {
		resp, body := do(t, server, c.call)
		name := c.method + " " + c.path + " as " + c.as
		require.Equal(t, c.status, resp.StatusCode, name)
		require.Equal(t, c.body, body, name)
		require.Equal(t, c.allow, resp.Header.Get("Allow"), name)
		require.Len(t, resp.Header.Get("X-Request-Id"), 32, name)
		require.Equal(t, c.status == 401, resp.Header.Get("WWW-Authenticate") == "Bearer", name)
		if c.status == 503 {
			require.NotEmpty(t, resp.Header.Get("Retry-After"), name)
		}
		if c.status >= 400 {
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"), name)
		}
	}
}

func TestSlashRedirect(t *testing.T) {
	server := newSite(t, io.Discard, func(o *web.Options) { o.TrustedProxies = nil })
	resp, body := do(t, server, call{method: "POST", path: "/api/me/?a=%zz&b=1;2"})
	require.Equal(t, 307, resp.StatusCode)
	require.Equal(t, "http://portico.test/api/me?a=%zz&b=1;2", resp.Header.Get("Location"))
	require.Empty(t, body)
	require.Empty(t, resp.Header.Get("Content-Type"))
	resp, _ = do(t, server, call{method: "GET", path: "/api/admin/things/", as: "root"})
	require.Equal(t, 307, resp.StatusCode)
	resp, _ = do(t, server, call{method: "GET", path: "/nowhere/"})
	require.Equal(t, 404, resp.StatusCode)
}

func TestRequestIDIsTakenOnlyWhenWellFormed(t *testing.T) {
	var log bytes.Buffer
	server := newSite(t, &log)
	for id, taken := range map[string]bool{"abc-1.2_Z": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "ä": false} {
		req, _ := http.NewRequest(http.MethodGet, server.URL+"/api/me", nil)
		req.Header.Set("X-Request-ID", id)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, taken, resp.Header.Get("X-Request-ID") == id, id)
		require.Contains(t, log.String(), `"request_id":"`+resp.Header.Get("X-Request-ID"))
	}
}

func TestFailuresTellTheLogAndNotTheClient(t *testing.T) {
	var log bytes.Buffer
	server := newSite(t, &log)
	_, body := do(t, server, call{method: "GET", path: "/api/panic"})
	require.NotContains(t, body, "secret")
	require.Contains(t, log.String(), `"stack"`)
	_, body = do(t, server, call{method: "GET", path: "/api/boom"})
	require.NotContains(t, body, "postgres")
	require.Contains(t, log.String(), "dsn=postgres")
	require.NotContains(t, log.String(), "u:secret@")
}

// A reply that breaks off must not look whole: gin's own recovery would end it cleanly.
func TestReplyThatBreaksOffIsCut(t *testing.T) {
	server := newSite(t, io.Discard)
	resp, err := http.Get(server.URL + "/api/cut")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestClientAddrIsBelievedOnlyBehindTrustedProxies(t *testing.T) {
	ask := func(t *testing.T, trusted []netip.Prefix, forwarded ...string) string {
		server := newSite(t, io.Discard, func(o *web.Options) { o.TrustedProxies = trusted })
		req, _ := http.NewRequest(http.MethodGet, server.URL+"/api/addr", nil)
		req.Header["X-Forwarded-For"] = forwarded
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return string(body)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	require.Equal(t, "127.0.0.1", ask(t, nil, "1.2.3.4"))
	require.Equal(t, "1.2.3.4", ask(t, loopback, "1.2.3.4"))
	require.Equal(t, "1.2.3.4", ask(t, loopback, "6.6.6.6, 1.2.3.4, 10.1.1.1"))
	require.Equal(t, "1.2.3.4", ask(t, loopback, "6.6.6.6", "1.2.3.4")) // a second header line is a later hop
	require.Equal(t, "10.1.1.1", ask(t, loopback, "junk, 10.1.1.1"))
	require.Equal(t, "127.0.0.1", ask(t, loopback))
}

func TestMistakesInRoutesStopTheStart(t *testing.T) {
	ok := func(context.Context, *web.None) (*web.None, error) { return nil, nil }
	for want, routes := range map[string][]web.RouteSet{
		"modules crm and plugins both serve GET /api/x":               {{Module: "crm", Routes: []web.Route{web.Get("/api/x", web.User, ok)}}, {Module: "plugins", Routes: []web.Route{web.Get("/api/x", web.User, ok)}}},
		"GET /api/admin/x is below /api/admin/ and must be web.Admin": {{Module: "crm", Routes: []web.Route{web.Get("/api/admin/x", web.User, ok)}}},
		"module crm: GET /api/x says no access":                       {{Module: "crm", Routes: []web.Route{web.Get("/api/x", 0, ok)}}},
		"module crm: /api/{b} and /api/{a} are the same":              {{Module: "crm", Routes: []web.Route{web.Get("/api/{a}", web.User, ok), web.Put("/api/{b}", web.User, ok)}}},
	} {
		_, err := web.New(web.Options{Routes: routes, Authenticator: names{}, Logger: slog.New(slog.DiscardHandler)})
		require.ErrorContains(t, err, want)
	}
	_, err := web.New(web.Options{Routes: []web.RouteSet{{Module: "crm", Routes: []web.Route{web.Get("/api/x", web.User, ok)}}}})
	require.ErrorContains(t, err, "needs an authenticator")
}

// An answer given before the body is read must leave the connection whole: gin, left alone, writes a second body after
// ours for paths it does not know, and the connection is reset under the next request.
func TestRefusalsKeepTheConnection(t *testing.T) {
	server := newSite(t, io.Discard)
	for range 500 {
		req, err := http.NewRequest(http.MethodPut, server.URL+"/api/admin/nowhere", strings.NewReader("{"))
		require.NoError(t, err)
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		require.False(t, resp.Close)
	}
}
