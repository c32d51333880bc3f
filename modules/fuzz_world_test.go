package modules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/features/docservice"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
	"portico.internal/platform/testkit/specfuzz"
	"portico.internal/platform/web"
)

// serviceToken opens the internal door.
const serviceToken = canary + "-of-the-services"

// fuzz is a gateway under requests of every kind.
type fuzz struct {
	*testkit.Gateway
	database         testkit.Database
	environ          map[string]string
	gen              *specfuzz.Generator
	public, internal *specfuzz.Client
	routes           []*fuzzRoute
	actors, services []*actor // who call the public and the internal door
	now              *actor   // who sends the request that is being made
	plugin           string   // whose settings it is about, where it is about any
	deck             []turn
	decks            int
	calls, enrolled  int
	sent             map[string]asked // since the log was last read, by request id
	failures         map[string]*failure
}

// fuzzRoute is an operation of one of the documents, and what came of the requests to it.
type fuzzRoute struct {
	op       *specfuzz.Operation
	access   web.Access
	internal bool
	params   int // in the path
	tally
}

func newFuzz(t *testing.T, d testkit.Database, s *fuzzServices, random *rand.Rand) *fuzz {
	f := &fuzz{database: d, sent: map[string]asked{}, failures: map[string]*failure{}}
	above := filepath.Join(t.TempDir(), "a", "b") // a place for storage outside the data directory that is gone at the end
	require.NoError(t, os.MkdirAll(above, 0o700))
	f.environ = map[string]string{
		"PORTICO_CONFIG": s.config, "PORTICO_SERVICE_TOKEN": serviceToken, "PORTICO_TRUSTED_PROXIES": "127.0.0.1",
		"PORTICO_AI_ALLOWED_HOSTS": "127.0.0.1", "PORTICO_DATA_DIR": filepath.Join(above, "data"),
	}
	f.Gateway = gatewaytest.Start(t, gatewaytest.Spec(), d, f.environ)
	f.public, f.internal = specfuzz.NewClient(f.URL), specfuzz.NewClient(f.Internal)
	t.Cleanup(f.public.Close)
	t.Cleanup(f.internal.Close)
	f.describe(t, s)
	var all []*specfuzz.Operation
	for _, r := range f.routes {
		all = append(all, r.op)
	}
	f.gen = &specfuzz.Generator{Rand: random, Pool: specfuzz.NewPool(all), Tame: []string{"root", "endpoint", "base_url"}}
	keeper := f.keep(t, http.MethodGet, "/api/users/me", "", http.StatusOK)
	f.gen.Pool.Forbidden = []string{root, id(t, testkit.Reply{Body: keeper})}
	f.people(t)
	f.teach(t, s)
	f.Log.Take()
	return f
}

// describe reads the documents: the gateway's, that of its internal door, and that of the document service behind it.
func (f *fuzz) describe(t *testing.T, s *fuzzServices) {
	public, internal, err := app.Describe(gatewaytest.Spec())
	require.NoError(t, err)
	of := func(site *web.Site, text []byte) []*specfuzz.Operation {
		document, err := specfuzz.Parse(text)
		require.NoError(t, err)
		described := map[string]bool{}
		for _, op := range document.Operations {
			described[op.String()] = true
		}
		for _, r := range site.Routes() {
			path := strings.ReplaceAll(r.Path, "...}", "}")
			if r.Module != "web" || strings.HasPrefix(path, "/health") {
				require.True(t, described[r.Method+" "+path], "%s %s is not in the document", r.Method, path)
			}
			for _, op := range document.Operations {
				if op.Method == r.Method && op.Path == path {
					f.routes = append(f.routes, &fuzzRoute{op: op, access: r.Access, internal: site == internal, params: strings.Count(path, "{")})
				}
			}
		}
		return document.Operations
	}
	of(public, []byte(f.Call(t, testkit.Request{Method: http.MethodGet, Path: "/openapi.json"}).Body))
	inside, err := internal.OpenAPI()
	require.NoError(t, err)
	of(internal, inside)
	behind, err := specfuzz.Parse(s.documents)
	require.NoError(t, err)
	for _, op := range behind.Moved(func(path string) (string, bool) { return "/api" + path, strings.HasPrefix(path, "/documents") }) {
		f.routes = append(f.routes, &fuzzRoute{op: op, access: web.User, params: strings.Count(op.Path, "{")})
	}
}

// fuzzServices are what the gateway has behind it besides its own document service.
type fuzzServices struct {
	config    string         // a file
	documents []byte         // the document service's OpenAPI document
	ai        string         // URL of what answers like a model
	schemas   map[string]any // of the plugins' settings, by the plugin
}

func newFuzzServices(t *testing.T) *fuzzServices {
	s := &fuzzServices{schemas: map[string]any{}}
	service, err := docservice.New(t.Context(), docservice.Config{DataDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, service.Close(context.Background())) })
	read := func(path string) []byte {
		answer := httptest.NewRecorder()
		service.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, http.StatusOK, answer.Code, path)
		return answer.Body.Bytes()
	}
	s.documents = read("/openapi.json")
	s.learn(t, read("/plugin/manifest"))
	notes, broken := &fuzzPlugin{id: "notes", settings: `{}`}, &fuzzPlugin{id: "broken"}
	var file strings.Builder
	file.WriteString("services:\n")
	for _, p := range []*fuzzPlugin{notes, broken} {
		s.learn(t, []byte(p.manifest()))
		fmt.Fprintf(&file, "  - {id: %s, name: Plugin, url: %q, plugin: true, system_prompt: Be brief.}\n", p.id, serve(t, p))
	}
	s.ai = serve(t, http.HandlerFunc(model))
	s.config = filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(s.config, []byte(file.String()), 0o600))
	return s
}

func serve(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// learn remembers the schema of settings in a manifest.
func (s *fuzzServices) learn(t *testing.T, manifest []byte) {
	var m struct {
		ID     string
		Schema any `json:"settings_schema"`
	}
	require.NoError(t, json.Unmarshal(manifest, &m))
	s.schemas[m.ID] = m.Schema
}

// fuzzPlugin is a feature service whose settings have secrets at several depths. Without settings it answers nonsense.
type fuzzPlugin struct {
	id       string
	mu       sync.Mutex
	settings string
}

func (p *fuzzPlugin) manifest() string {
	return fmt.Sprintf(`{"id":%q,"name":"Plugin","version":"1","description":"","required_groups":["staff"],"settings_schema":{
		"type":"object","additionalProperties":false,"properties":{
			"title":{"type":"string","maxLength":40},"size":{"type":"integer","minimum":1,"maximum":9},
			"api_key":{"type":["string","null"],"writeOnly":true},
			"accounts":{"type":"array","maxItems":4,"items":{"type":"object","required":["password"],"properties":{"name":{"type":"string"},"password":{"type":"string","format":"password"}}}}}}}`, p.id)
}

func (p *fuzzPlugin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch patch, _ := io.ReadAll(r.Body); {
	case r.URL.Path == "/health":
		fmt.Fprint(w, `{"status":"ok"}`)
	case r.URL.Path == "/plugin/manifest":
		fmt.Fprint(w, p.manifest())
	case p.settings == "":
		fmt.Fprint(w, "\xff<html>")
	case r.Method == http.MethodPatch:
		var is, change map[string]any
		_, _ = json.Unmarshal([]byte(p.settings), &is), json.Unmarshal(patch, &change)
		for name, value := range change { // no member of an object here is itself an object
			if is[name] = value; value == nil {
				delete(is, name)
			}
		}
		merged, _ := json.Marshal(is)
		p.settings = string(merged)
		fallthrough
	default:
		fmt.Fprint(w, p.settings)
	}
}

// model answers as each of the AI providers does when it is asked for its model.
func model(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"id":"m","object":"model","type":"model","details":{"format":"x"},"data":[]}`)
}

// stayHome makes names unknown, so that nothing here can reach another machine, whatever a request has put into a setting.
func stayHome(t *testing.T) {
	preferGo, dial := net.DefaultResolver.PreferGo, net.DefaultResolver.Dial
	net.DefaultResolver.PreferGo = true
	net.DefaultResolver.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("this test asks no name server")
	}
	t.Cleanup(func() { net.DefaultResolver.PreferGo, net.DefaultResolver.Dial = preferGo, dial })
}
