package settings_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/settings"
	"portico.internal/platform/changes"
	"portico.internal/platform/errs"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// notebook is a setting of a module that this tree does not know.
type notebook struct {
	Title   string            `json:"title"`
	Size    int64             `json:"size"`
	Tags    []string          `json:"tags"`
	Pages   map[string]string `json:"pages"`
	Mirror  mirror            `json:"mirror"`
	Archive mirror            `json:"archive"`
}

type mirror struct {
	URL   string          `json:"url"`
	Token settings.Secret `json:"token"`
}

// notes keeps notebooks. It is written as a team would that only reads the documentation.
type notes struct {
	store *settings.Store
	books map[string]*settings.Typed[notebook]
}

// withNotes is the gateway with the module. heard is called for each change of a setting, when the settings know of it.
func withNotes(heard func(key string)) module.Module {
	return module.New("notes",
		module.Provide(func(s *settings.Store, feed *changes.Feed) *notes {
			n := &notes{s, map[string]*settings.Typed[notebook]{}}
			for _, name := range []string{"first", "a_b", "axb"} {
				n.books[name] = settings.Of(s, "notes."+name, notebook{Title: "Untitled", Tags: []string{"new"}, Pages: map[string]string{}})
			}
			n.books["first"].OnRestore = func(_ *settings.Change, present notebook, past *notebook) error {
				if past.Title == "torn" {
					return errs.New(errs.BadRequest, "That page is torn")
				}
				past.Size = present.Size // is measured, not chosen
				return nil
			}
			feed.Subscribe("settings", heard)
			return n
		}),
		module.Routes((*notes).routes),
		module.Internal((*notes).internalRoutes),
	)
}

var withNotesAlone = withNotes(func(string) {})

func (n *notes) routes() []web.Route {
	return []web.Route{
		web.Get("/api/notes/{book}", web.Admin, n.get),
		web.Patch("/api/notes/{book}", web.Admin, n.patch),
		web.Get("/api/notes/{book}/recent", web.Admin, n.recent),
	}
}

func (n *notes) internalRoutes() []web.Route {
	return []web.Route{web.Get("/internal/notes/{book}/tokens", web.User, n.tokens)}
}

type bookIn struct {
	Book string `path:"book"`
}

// notebookOut is a notebook as it is shown: with masks.
type notebookOut struct {
	Title  string            `json:"title"`
	Size   int64             `json:"size"`
	Tags   []string          `json:"tags"`
	Pages  map[string]string `json:"pages"`
	URL    string            `json:"url"`
	Mirror *string           `json:"mirror_token"`
	Other  *string           `json:"archive_token"`
}

func (n *notes) show(v settings.Value[notebook], err error) (*web.Tagged[notebookOut], error) {
	if err != nil {
		return nil, err
	}
	b := v.Is
	return web.Tag(v.Version, notebookOut{b.Title, b.Size, b.Tags, b.Pages, b.Mirror.URL, n.store.Mask(b.Mirror.Token), n.store.Mask(b.Archive.Token)})
}

func (n *notes) get(ctx context.Context, in *bookIn) (*web.Tagged[notebookOut], error) {
	return n.show(n.books[in.Book].Read(ctx))
}

func (n *notes) recent(ctx context.Context, in *bookIn) (*web.Tagged[notebookOut], error) {
	return n.show(n.books[in.Book].Get(ctx))
}

type notebookUpdate struct {
	Title  web.Optional[string] `json:"title,omitzero"`
	Size   web.Optional[int64]  `json:"size,omitzero"`
	Tags   []string             `json:"tags,omitzero"`
	Pages  map[string]string    `json:"pages,omitzero" doc:"An empty text takes the page out"`
	URL    web.Optional[string] `json:"url,omitzero"`
	Mirror web.Optional[string] `json:"mirror_token,omitzero" nullable:"true" writeOnly:"true"`
	Other  web.Optional[string] `json:"archive_token,omitzero" nullable:"true" writeOnly:"true"`
}

func (n *notes) patch(ctx context.Context, in *struct {
	bookIn
	web.IfMatch
	Body notebookUpdate
}) (*web.Tagged[notebookOut], error) {
	book, u := n.books[in.Book], in.Body
	return n.show(book.Change(ctx, in.IfMatch, func(_ *settings.Change, b *notebook) error {
		if u.Title.Set {
			b.Title = u.Title.Value
		}
		if u.Size.Set {
			b.Size = u.Size.Value
		}
		if u.Tags != nil {
			b.Tags = u.Tags
		}
		maps.Copy(b.Pages, u.Pages)
		maps.DeleteFunc(b.Pages, func(_, text string) bool { return text == "" })
		if u.URL.Set {
			b.Mirror.URL = u.URL.Value
		}
		seal := func(field string, into *settings.Secret, text web.Optional[string]) {
			switch {
			case text.Null:
				*into = settings.Secret{}
			case text.Set:
				*into = book.Seal(field, text.Value)
			}
		}
		seal("mirror.token", &b.Mirror.Token, u.Mirror)
		seal("archive.token", &b.Archive.Token, u.Other)
		if b.Title == "refused" {
			return errs.New(errs.BadRequest, "Not that title")
		}
		return nil
	}))
}

// opened is a secret in clear, or why it cannot be had.
type opened struct {
	Text    string `json:"text"`
	Problem string `json:"problem"`
}

func (n *notes) tokens(ctx context.Context, in *bookIn) (*map[string]opened, error) {
	v, err := n.books[in.Book].Read(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]opened{}
	for name, secret := range map[string]settings.Secret{"mirror": v.Is.Mirror.Token, "archive": v.Is.Archive.Token} {
		text, err := n.store.Open(secret)
		out[name] = opened{Text: text}
		if err != nil {
			out[name] = opened{Problem: err.Error()}
		}
	}
	return &out, nil
}

const serviceToken = "a-service-token-of-some-length"

// eachWithNotes runs the test with a gateway that has the module, on a database of each kind.
func eachWithNotes(t *testing.T, test func(t *testing.T, g *testkit.Gateway, d testkit.Database)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		test(t, startNotes(t, d, keyA), d)
	})
}

// startNotes runs a gateway that has the module and the secret keys.
func startNotes(t *testing.T, d testkit.Database, keys string) *testkit.Gateway {
	t.Helper()
	return gatewaytest.Start(t, gatewaytest.Spec(withNotesAlone), d, map[string]string{"PORTICO_SECRET_KEY": keys, "PORTICO_SERVICE_TOKEN": serviceToken})
}

// does calls as the administrator and returns the body of a success.
func does(t *testing.T, g *testkit.Gateway, method, path, body string) string {
	t.Helper()
	r := g.Call(t, admin(method, path, body))
	require.Equal(t, 200, r.Status, "%s %s: %s", method, path, r.Body)
	return r.Body
}

// inside calls at the internal door as a feature service.
func inside(t *testing.T, g *testkit.Gateway, path string, header ...string) testkit.Reply {
	t.Helper()
	r := testkit.Request{Method: "GET", Path: path, Token: serviceToken, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	door := testkit.Gateway{URL: g.Internal}
	return door.Call(t, r)
}

// tokens returns the secrets of a notebook in clear, as the module's own code sees them.
func tokens(t *testing.T, g *testkit.Gateway, book string) map[string]opened {
	t.Helper()
	r := inside(t, g, "/internal/notes/"+book+"/tokens")
	require.Equal(t, 200, r.Status, r.Body)
	return decode[map[string]opened](t, r.Body)
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}
