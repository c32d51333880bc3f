package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// owners lets each user into the clubs that bear the user's name.
func owners(r *http.Request) error {
	if r.PathValue("id") != identity.From(r.Context()).ID {
		return errs.New(errs.NotFound, "")
	}
	return nil
}

type clubIn struct {
	ID   string `path:"id"`
	Size int    `query:"size" minimum:"1"`
	Body struct {
		Name string `json:"name"`
	}
}

func clubSite(t *testing.T, routes ...web.Route) (*httptest.Server, error) {
	site, err := web.New(web.Options{Routes: []web.RouteSet{{Module: "clubs", Routes: routes}}, Authenticator: names{},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Title: "Clubs", Version: "1"})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return server, nil
}

func renameClub(_ context.Context, in *clubIn) (*string, error) { return &in.Body.Name, nil }

func TestAllowComesBeforeEverythingElse(t *testing.T) {
	server, err := clubSite(t, web.Post("/api/clubs/{id}/name", web.User, renameClub, web.Allow(owners)))
	require.NoError(t, err)
	_, unknown := do(t, server, call{method: "GET", path: "/api/nowhere", as: "ann"})
	for _, c := range []struct {
		as, method, path, body string
		status                 int
	}{
		{"ann", "POST", "/api/clubs/ann/name", `{"name":"A"}`, 200},
		{"ann", "POST", "/api/clubs/ann/name", `{`, 422},
		{"ann", "POST", "/api/clubs/ann/name?size=0", `{"name":"A"}`, 422},
		{"ann", "PUT", "/api/clubs/ann/name", ``, 405},
		{"ann", "TRACE", "/api/clubs/ann/name", ``, 405},
		{"ann", "POST", "/api/clubs/ann/name/", ``, 307},
		{"bob", "POST", "/api/clubs/ann/name", `{"name":"A"}`, 404},
		{"bob", "POST", "/api/clubs/ann/name", `{`, 404},
		{"bob", "POST", "/api/clubs/ann/name?size=0", ``, 404},
		{"bob", "PUT", "/api/clubs/ann/name", ``, 404},
		{"bob", "TRACE", "/api/clubs/ann/name", ``, 404},
		{"bob", "POST", "/api/clubs/ann/name/", ``, 404},
		{"bob", "POST", "/api/clubs/bob%00/name", ``, 404},
		{"", "POST", "/api/clubs/ann/name", `{`, 401},
		{"", "PUT", "/api/clubs/ann/name", ``, 401},
		{"", "POST", "/api/clubs/ann/name/", ``, 401},
		{"down", "POST", "/api/clubs/down/name", `{`, 503},
	} {
		resp, body := do(t, server, call{method: c.method, path: c.path, as: c.as, body: c.body})
		require.Equal(t, c.status, resp.StatusCode, "%+v", c)
		if c.status == 404 {
			require.Equal(t, unknown, body, "%+v", c)
			require.Empty(t, resp.Header.Get("Allow"))
		}
	}
}

func TestAllowIsForAllMethodsOfAPathAndForUsers(t *testing.T) {
	post := web.Post("/api/clubs/{id}", web.User, renameClub, web.Allow(owners))
	put := web.Put("/api/clubs/{id}", web.User, renameClub)
	for _, routes := range [][]web.Route{
		{post, put}, {put, post},
		{web.Post("/api/clubs/{id}", web.Public, renameClub, web.Allow(owners))},
		{web.Post("/api/clubs/{id}", web.Admin, renameClub, web.Allow(owners))},
	} {
		_, err := clubSite(t, routes...)
		require.ErrorContains(t, err, "web.Allow is for web.User, and for all methods of a path")
	}
}
