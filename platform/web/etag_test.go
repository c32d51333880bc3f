package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

type motto struct {
	Text string `json:"text"`
}

// taggedSite serves a motto of version 7.
func taggedSite(t *testing.T) *httptest.Server {
	show := func(context.Context, *web.None) (*web.Tagged[motto], error) { return web.Tag(7, motto{"<carpe> diem"}) }
	site, err := web.New(web.Options{Logger: slog.New(slog.DiscardHandler), Routes: []web.RouteSet{{Module: "mottos", Routes: []web.Route{
		web.Get("/motto", web.Public, show),
		web.Post("/motto", web.Public, show),
		web.Patch("/motto", web.Public, func(_ context.Context, in *struct {
			web.IfMatch
			Body motto
		}) (*web.Tagged[motto], error) {
			if !in.Holds(7) {
				return nil, errs.New(errs.PreconditionFailed, "")
			}
			return web.Tag(8, in.Body)
		}),
		web.Get("/plain", web.Public, func(context.Context, *web.None) (*motto, error) { return &motto{"plain"}, nil }),
	}}}})
	require.NoError(t, err)
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server
}

// wire sends the request as it is written, with another one after it on the same connection, and returns the reply to
// the first, byte for byte.
func wire(t *testing.T, server *httptest.Server, method, path string, lines ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	body := ""
	if method == "PATCH" {
		body = `{"text":"new"}`
		lines = append(lines, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	}
	head := strings.Join(append([]string{method + " " + path + " HTTP/1.1", "Host: portico.test"}, lines...), "\r\n")
	_, err = io.WriteString(conn, head+"\r\n\r\n"+body+"GET /plain HTTP/1.1\r\nHost: portico.test\r\nConnection: close\r\n\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	first, second, found := strings.Cut(string(all[1:]), "HTTP/1.1 ")
	require.True(t, found, "%s", all)
	require.True(t, strings.HasPrefix(second, "200 OK") && strings.HasSuffix(second, `{"text":"plain"}`), "the reply before was not over: %s", all)
	return string(all[:1]) + first
}

func status(t *testing.T, reply string) string {
	t.Helper()
	require.True(t, strings.HasPrefix(reply, "HTTP/1.1 "), reply)
	return reply[9:12]
}

func TestTagNamesVersionAndContent(t *testing.T) {
	tag := func(version int64, body any) string {
		tagged, err := web.Tag(version, body)
		require.NoError(t, err)
		require.Equal(t, body, tagged.Body)
		return tagged.ETag
	}
	same := tag(7, motto{"a"})
	require.Regexp(t, `^"7-[0-9a-f]{16}"$`, same)
	require.Equal(t, same, tag(7, motto{"a"}))
	require.NotEqual(t, same, tag(7, motto{"b"}), "a new default is another thing under the same version")
	require.NotEqual(t, same, tag(8, motto{"a"}))
	_, err := web.Tag(7, make(chan int))
	require.Error(t, err)
}

func TestIfMatch(t *testing.T) {
	tagged, err := web.Tag(7, motto{"a"})
	require.NoError(t, err)
	mine := tagged.ETag
	other, err := web.Tag(7, motto{"b"})
	require.NoError(t, err)
	for tags, want := range map[string]bool{
		mine: true, other.ETag: true, // whatever shows the same version
		"*": true, " * ": true, `"x", *`: true,
		`"x", ` + mine: true, mine + `,"x"`: true, `"x"  ,	` + mine + ` ,"y"`: true, "," + mine + ",": true,
		"W/" + mine: false, "w/" + mine: false, // a strong comparison is asked for
		`"8-0000000000000000"`: false, `"77-0000000000000000"`: false, `"-7-0000000000000000"`: false, `"+7-0000000000000000"`: false, `"07-0000000000000000"`: false,
		strings.Trim(mine, `"`): false, mine[:len(mine)-1]: false, mine[1:]: false, strings.ToUpper(mine) + "x": false,
		`"7"`: false, `"7-"`: false, "7": false, `""`: false, "": false, ",": false, `"7-aa"`: false, `"x"`: false, "**": false,
		`"99999999999999999999-0000000000000000"`: false,
	} {
		require.Equal(t, want, web.IfMatch{Tags: web.Some(tags)}.Holds(7), "%q", tags)
	}
	require.True(t, web.IfMatch{}.Holds(7), "nobody asks for a version")

	server := taggedSite(t)
	current, err := web.Tag(7, motto{"<carpe> diem"})
	require.NoError(t, err)
	for _, lines := range [][]string{nil, {"If-Match: *"}, {"if-match: " + current.ETag}, {`If-Match: "x"`, "If-Match: " + current.ETag}, {"If-Match: " + current.ETag, `If-Match: "x"`}} {
		reply := wire(t, server, "PATCH", "/motto", lines...)
		require.Equal(t, "200", status(t, reply), reply)
		require.Contains(t, reply, "\r\nEtag: \"8-")
	}
	for _, lines := range [][]string{{"If-Match:"}, {`If-Match: "x"`}, {`If-Match: "x"`, `If-Match: "y"`}, {"If-Match: W/" + current.ETag}} {
		reply := wire(t, server, "PATCH", "/motto", lines...)
		require.Equal(t, "412", status(t, reply), reply)
		require.True(t, strings.HasSuffix(reply, "\r\n\r\n"+`{"detail":"Precondition Failed"}`), reply)
		require.NotContains(t, reply, "Etag")
	}
}

func TestIfNoneMatch(t *testing.T) {
	server := taggedSite(t)
	tagged, err := web.Tag(7, motto{"<carpe> diem"})
	require.NoError(t, err)
	tag := tagged.ETag
	for _, lines := range [][]string{
		{"If-None-Match: " + tag}, {"if-none-match:" + tag}, {"If-None-Match: W/" + tag}, {"If-None-Match: *"},
		{`If-None-Match: "x", ` + tag}, {"If-None-Match: " + tag + `,W/"x"`}, {`If-None-Match: "x"`, "If-None-Match: W/" + tag}, {"If-None-Match: " + tag, `If-None-Match: "x"`},
	} {
		reply := wire(t, server, "GET", "/motto", lines...)
		require.Equal(t, "304", status(t, reply), reply)
		require.True(t, strings.HasSuffix(reply, "\r\n\r\n"), "a body: %s", reply)
		head := strings.ToLower(reply)
		require.Contains(t, head, "\r\netag: "+tag+"\r\n")
		for _, name := range []string{"content-length", "content-type", "transfer-encoding"} {
			require.NotContains(t, head, name)
		}
	}
	for _, lines := range [][]string{
		nil, {"If-None-Match:"}, {`If-None-Match: "x"`}, {"If-None-Match: " + strings.Trim(tag, `"`)}, {`If-None-Match: "7-0000000000000000"`}, {"If-None-Match: " + tag[:len(tag)-1]}, {"If-None-Match: w/" + tag},
	} {
		reply := wire(t, server, "GET", "/motto", lines...)
		require.Equal(t, "200", status(t, reply), reply)
		require.True(t, strings.HasSuffix(reply, "\r\n\r\n"+`{"text":"<carpe> diem"}`), reply)
		require.Contains(t, reply, "\r\nEtag: "+tag+"\r\n")
	}
	require.Equal(t, "200", status(t, wire(t, server, "GET", "/plain", "If-None-Match: *")), "without a tag nothing is compared")
	require.Equal(t, "200", status(t, wire(t, server, "POST", "/motto", "If-None-Match: "+tag, "Content-Length: 0")), "only what is read can be unchanged")

	for _, lines := range [][]string{nil, {"If-None-Match: " + tag}} {
		reply := wire(t, server, "HEAD", "/motto", lines...)
		require.Equal(t, "405", status(t, reply), reply)
		require.NotContains(t, reply, "Etag")
	}
}
