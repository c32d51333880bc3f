package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// The whole walk of somebody who signs up, and of somebody else who must see nothing of it.
func TestWalk(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		g := in(t, on(d)).serve(t)
		const ann, bob = "ann@example.com", "bob@example.com"
		token := g.Token(t, ann)
		patch := func(path, body string) testkit.Reply {
			return g.Call(t, testkit.Request{Method: http.MethodPatch, Path: path, Token: token, Body: body})
		}

		me := g.get(t, token, "/api/users/me")
		require.Equal(t, http.StatusOK, me.Status)
		require.Contains(t, me.Body, `"email":"`+ann+`"`)
		require.Contains(t, me.Body, `"color_mode":null`)
		require.JSONEq(t, `{"app_ids":["b","a"]}`, patch("/api/users/me/preferences", `{"app_ids":["b","a","b"]}`).Body)
		require.JSONEq(t, `{"app_ids":["b","a"]}`, g.get(t, token, "/api/users/me/preferences").Body)
		require.Contains(t, patch("/api/users/me/color-mode", `{"color_mode":"dark"}`).Body, `"color_mode":"dark"`)
		require.Contains(t, g.get(t, token, "/api/users/me").Body, `"color_mode":"dark"`)

		content := pdf("Annual report", 7, 300_000)
		read := g.ready(t, token, g.upload(t, token, content).ID)
		require.Equal(t, "Annual report", read.Title)
		require.Equal(t, 7, *read.Pages)
		require.Equal(t, []document{read}, decode[[]document](t, g.get(t, token, "/api/documents").Body))
		g.content(t, token, read.ID, content)

		path := "/api/documents/" + read.ID
		part := g.Call(t, testkit.Request{Method: http.MethodGet, Path: path + "/content", Token: token, Header: http.Header{"Range": {"bytes=100-199"}}})
		require.Equal(t, http.StatusPartialContent, part.Status)
		require.Equal(t, string(content[100:200]), part.Body)

		other := g.Token(t, bob)
		require.JSONEq(t, `[]`, g.get(t, other, "/api/documents").Body)
		for _, r := range []testkit.Request{
			{Method: http.MethodGet, Path: path}, {Method: http.MethodGet, Path: path + "/status"}, {Method: http.MethodGet, Path: path + "/content"},
			{Method: http.MethodPatch, Path: path, Body: `{"title":"mine"}`}, {Method: http.MethodDelete, Path: path},
		} {
			r.Token = other
			require.Equal(t, http.StatusNotFound, g.Call(t, r).Status, "%s %s", r.Method, r.Path)
		}

		require.Equal(t, http.StatusNoContent, g.Call(t, testkit.Request{Method: http.MethodDelete, Path: path, Token: token}).Status)
		require.Equal(t, http.StatusNotFound, g.get(t, token, path).Status)
		require.JSONEq(t, `[]`, g.get(t, token, "/api/documents").Body)
		require.Equal(t, 0, g.stop(t))
	})
}
