package main_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// What has been acknowledged is there after a crash, however soon that comes.
func TestCrash(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d))
		const ann = "ann@example.com"

		g := p.serve(t)
		g.register(t, ann)
		g.kill(t)

		g = p.serve(t)
		token := g.SignIn(t, ann, testkit.Password)
		patch := func(path, body string) {
			r := g.Call(t, testkit.Request{Method: http.MethodPatch, Path: path, Token: token, Body: body})
			require.Equal(t, http.StatusOK, r.Status, r.Body)
		}
		patch("/api/users/me/color-mode", `{"color_mode":"dark"}`)
		patch("/api/users/me/preferences", `{"app_ids":["kept"]}`)
		g.kill(t)

		g = p.serve(t)
		require.Contains(t, g.get(t, token, "/api/users/me").Body, `"color_mode":"dark"`)
		require.JSONEq(t, `{"app_ids":["kept"]}`, g.get(t, token, "/api/users/me/preferences").Body)
		content := pdf("Kept", 3, 500_000)
		id := g.upload(t, token, content).ID
		g.kill(t)

		g = p.serve(t)
		read := g.ready(t, token, id)
		require.Equal(t, "Kept", read.Title)
		require.Equal(t, 3, *read.Pages)
		g.content(t, token, id, content)
		half := g.beginUpload(t, token)
		g.kill(t)
		require.Error(t, half.failure(t))

		g = p.serve(t)
		require.Equal(t, []document{read}, decode[[]document](t, g.get(t, token, "/api/documents").Body), "half an upload is none")
		require.Empty(t, g.staged(t), "and leaves nothing behind")
		require.Equal(t, 0, g.stop(t))
	})
}
