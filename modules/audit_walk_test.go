package modules_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
	"portico.internal/platform/testkit/specfuzz"
)

// record is an entry as the API shows it.
type record struct {
	ID                      string
	Action, Outcome, Reason string
	Actor, Target           struct{ Kind, Type, ID, Name string }
	Changes                 map[string]struct{ Old, New any }
	Address                 string
	RequestID               string `json:"request_id"`
}

func records(t testing.TB, g *testkit.Gateway, query string) []record {
	t.Helper()
	r := g.Call(t, request("GET", "/api/admin/audit?"+query, root))
	require.Equal(t, 200, r.Status, r.Body)
	var list []record
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list), r.Body)
	return list
}

// walk is a gateway on which deeds are done.
type walk struct {
	*testkit.Gateway
	database testkit.Database
	known    map[string]string // ids and a reset token, by name
	tokens   map[string]string // by who has it
	number   int
}

func newWalk(t *testing.T, d testkit.Database) *walk {
	s := newFuzzServices(t)
	w := &walk{database: d, known: map[string]string{"plugin": "notes", "service_id": "notes"}}
	w.Gateway = gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_CONFIG": s.config, "PORTICO_SERVICE_TOKEN": serviceToken})
	w.tokens = map[string]string{"": w.Token(t, root)}
	for i := range 200 { // so much to move that there is time to cancel
		door := testkit.Gateway{URL: w.Internal}
		r := door.Call(t, testkit.Request{Method: "PUT", Path: fmt.Sprint("/internal/storage/objects/", i), Token: serviceToken, Type: "text/plain", Body: "content"})
		require.Equal(t, 201, r.Status, r.Body)
	}
	return w
}

// fill puts what is known in the place of names in braces.
func (w *walk) fill(text string) string {
	for name, value := range w.known {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// do sends a request under an id of its own, which it returns.
func (w *walk) do(t testing.TB, d deed) (id string, r testkit.Reply) {
	t.Helper()
	w.number++
	id = fmt.Sprint("walk-", w.number)
	method, path, _ := strings.Cut(w.fill(d.Route), " ")
	q := testkit.Request{Method: method, Path: path, Body: w.fill(d.Body), Token: w.tokens[d.As], Header: http.Header{"X-Request-Id": {id}}}
	if path == "/api/auth/login" {
		q.Type = "application/x-www-form-urlencoded"
	}
	return id, w.Call(t, q)
}

// done does a deed and learns from it.
func (w *walk) done(t testing.TB, d deed) (id string) {
	t.Helper()
	id, r := w.do(t, d)
	for n := 0; strings.HasPrefix(d.Route, "DELETE /api/admin/storage-config") && r.Status != d.Status && n < 20; n++ { // it had switched by then
		require.Eventually(t, func() bool {
			return w.Call(t, request("POST", "/api/admin/storage-config/migrate", root, fmt.Sprintf(`{"backend":"local","config":{"root":"elsewhere-%d"}}`, n))).Status == 202
		}, time.Minute, 50*time.Millisecond)
		id, r = w.do(t, d)
	}
	require.Equal(t, d.Status, r.Status, "%s: %s", d.Route, r.Body)
	var said struct {
		ID, Token   string
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(r.Body), &said)
	switch name, token := strings.CutPrefix(d.Learn, "token:"); {
	case token && said.AccessToken != "":
		w.tokens[name] = said.AccessToken
	case token:
		w.known[name] = said.Token
	case d.Learn != "":
		w.known[d.Learn] = said.ID
	}
	if d.Action == "theme.deleted" {
		w.known["change"] = firstID(t, w.Call(t, request("GET", "/api/settings/history?key=themes."+w.known["theme"], root)))
	}
	return id
}

// firstID is the id of the first of a list.
func firstID(t testing.TB, r testkit.Reply) string {
	t.Helper()
	var list []struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list), r.Body)
	require.NotEmpty(t, list)
	return list[0].ID
}

// Whatever is changed is recorded, with the change or not at all, and no secret with it. A route that is new, and of which
// nobody has said what it records, fails here.
func TestEveryChangeIsRecorded(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		w := newWalk(t, d)
		all := allDeeds(t)
		requireAllRoutes(t, w, all)
		breakable := newBreakable(t, d)
		for _, deed := range all {
			breakable.unable(t, func() {
				if deed.Once {
					return
				}
				before := breakable.rows(t)
				_, r := w.do(t, deed)
				require.Equal(t, 500, r.Status, "%s was done though it could not be recorded: %s", deed.Route, r.Body)
				require.JSONEq(t, `{"detail":"Internal Server Error"}`, r.Body)
				require.Equal(t, before, breakable.rows(t), "%s has left something behind", deed.Route)
			})
			id := w.done(t, deed)
			found := records(t, w.Gateway, "request_id="+id)
			require.NotEmpty(t, found, "%s has left no entry", deed.Route)
			last := found[len(found)-1] // of that request the first
			require.Equal(t, deed.Action, last.Action, deed.Route)
			require.Equal(t, "success", last.Outcome)
			require.Equal(t, "127.0.0.1", last.Address)
			require.Equal(t, "user", last.Actor.Kind)
			require.Equal(t, map[string]string{"": root, "-": last.Actor.Name, "ann": "ann@example.com", "bob": "bob@example.com"}[deed.As], last.Actor.Name)
			require.Contains(t, last.Actor.Name, "@example.com")
		}
		table := breakable.text(t)
		require.Contains(t, table, "ann@example.com", "the search below searches nothing")
		for _, secret := range []string{canary, w.known["reset"], w.tokens["ann"], w.tokens[""], "eyJ", "$2a$", "123456"} {
			require.NotContains(t, table, secret)
		}
	})
}

// requireAllRoutes compares the deeds with the document.
func requireAllRoutes(t *testing.T, w *walk, all []deed) {
	t.Helper()
	document, err := specfuzz.Parse([]byte(w.Call(t, testkit.Request{Method: "GET", Path: "/openapi.json"}).Body))
	require.NoError(t, err)
	var changing []string
	for _, o := range mutating(document) {
		changing = append(changing, shape(o.String()))
	}
	var known []string
	for _, d := range all {
		known = append(known, shape(d.Route))
	}
	for route := range unrecorded {
		known = append(known, shape(route))
	}
	slices.Sort(known)
	slices.Sort(changing)
	require.Equal(t, changing, slices.Compact(known), "each route that changes something is done here, or has a reason in unrecorded")
}

// mutating are the operations that may change something of the gateway's own.
func mutating(document *specfuzz.Document) (list []*specfuzz.Operation) {
	for _, o := range document.Operations {
		if o.Method != http.MethodGet && o.Method != http.MethodHead && strings.HasPrefix(o.Path, "/api/") && !strings.HasPrefix(o.Path, "/api/documents") {
			list = append(list, o)
		}
	}
	return list
}

// shape is a route without the names of its parameters.
func shape(route string) string {
	parts := strings.Split(route, "/")
	for i := range parts {
		if strings.HasPrefix(parts[i], "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// What is refused has changed nothing and leaves nothing, whoever asks, and however.
func TestRefusalsAreNotRecorded(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		document, err := specfuzz.Parse([]byte(g.Call(t, testkit.Request{Method: "GET", Path: "/openapi.json"}).Body))
		require.NoError(t, err)
		require.NotEmpty(t, g.Token(t, ann))
		refused := 0
		for i, o := range mutating(document) {
			path := strings.NewReplacer("{id}", nobodysID, "{user_id}", nobodysID, "{service_id}", "unknown").Replace(o.Path)
			for j, q := range []testkit.Request{{Body: "{}"}, {As: ann, Body: "{}"}, {As: root, Body: "{"}, {As: root, Body: `{"unknown":1}`}} {
				q.Method, q.Path, q.Header = o.Method, path, http.Header{"X-Request-Id": {fmt.Sprintf("refused-%d-%d", i, j)}}
				r := g.Call(t, q)
				g.Forget(q.As) // it may have ended the sessions
				require.Less(t, r.Status, 500, r.Body)
				if r.Status >= 400 {
					refused++
					require.Empty(t, records(t, g, "request_id="+q.Header.Get("X-Request-Id")), "%s answers %d", o, r.Status)
				}
			}
		}
		require.Greater(t, refused, 100)
	})
}

const nobodysID = "a0000000-0000-4000-8000-000000000000"
