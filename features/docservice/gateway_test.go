package docservice

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/feature"
)

const gatewayToken = "the-token-of-the-gateway"

// fakeGateway is the internal interface of a gateway.
type fakeGateway struct {
	*httptest.Server
	mu        sync.Mutex
	settings  map[string]string // by path below /internal/settings/
	status    int               // that it answers whatever is asked, unless 0
	asked     int
	unchanged int // times it answered 304
	objects   *fakeObjects
}

func newFakeGateway(t *testing.T) *fakeGateway {
	g := &fakeGateway{settings: map[string]string{
		"documents/limits":           `{"max_pdf_mb":20}`,
		"ai":                         `{"provider":null,"providers":{},"allowed_hosts":[]}`,
		"system-prompts/doc-service": `{"service_id":"doc-service","name":"Documents","prompt":"Sort it well.","is_default":false,"updated_at":null}`,
	}}
	g.objects = newFakeObjects()
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGateway) at() feature.Gateway { return feature.Gateway{URL: g.URL, Token: gatewayToken} }

func (g *fakeGateway) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/internal/storage/objects") {
		g.objects.ServeHTTP(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	value, there := g.settings[strings.TrimPrefix(r.URL.Path, "/internal/settings/")]
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(value)))
	switch {
	case g.status != 0:
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(g.status)
	case r.Header.Get("Authorization") != "Bearer "+gatewayToken:
		w.WriteHeader(http.StatusUnauthorized)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("If-None-Match") == tag:
		g.unchanged++
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", tag)
		fmt.Fprint(w, value)
	}
}

// set changes a setting; an empty value removes it.
func (g *fakeGateway) set(path, value string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.settings[path] = value; value == "" {
		delete(g.settings, path)
	}
}

// fail makes every answer about a setting the status, until it is 0.
func (g *fakeGateway) fail(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status = status
}

// times is how often it has been asked.
func (g *fakeGateway) times() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

// use makes the AI the configured one.
func (g *fakeGateway) use(m *fakeAI) {
	key, _ := json.Marshal(canary)
	g.set("ai", fmt.Sprintf(`{"provider":"openai_compatible","providers":{"openai_compatible":{"model":"m","base_url":"%s/v1","api_key":%s,"has_api_key":true}},"allowed_hosts":["%s"]}`,
		m.URL, key, strings.TrimPrefix(m.URL, "http://")))
}

// sees waits until the service has the limit, in MB.
func (f *fixture) sees(mb int64) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.uploadLimit(f.t.Context()) == mb<<20+uploadFrame }, 20*time.Second, 5*time.Millisecond)
}

// sized is an upload whose request has that many bytes.
func (f *fixture) sized(bytes int64) *http.Request {
	content := string(pdfOf(1, ""))
	empty, _ := form(f.t, [3]string{"file", "a.pdf", content})
	body, kind := form(f.t, [3]string{"file", "a.pdf", content + strings.Repeat("%", int(bytes)-empty.Len())})
	r := f.request(ann, "POST", "/documents", body)
	r.Header.Set("Content-Type", kind)
	return r
}

func TestUploadLimitIsTheGateways(t *testing.T) {
	g := newFakeGateway(t)
	g.set("documents/limits", `{"max_pdf_mb":1}`)
	f := start(t, Config{Gateway: g.at(), MaxUploadBytes: 3 << 20})
	const whole = 1<<20 + 64<<10
	f.send(f.sized(whole)).is(202)
	f.send(f.sized(whole+1)).is(413, fmt.Sprintf("The upload is larger than %d bytes", whole))
	chunked := f.sized(whole + 1)
	chunked.ContentLength = -1
	f.send(chunked).is(413, fmt.Sprintf("The upload is larger than %d bytes", whole))

	g.set("documents/limits", `{"max_pdf_mb":2}`)
	require.Eventually(t, func() bool { return f.send(f.sized(whole+1)).status == 202 }, 20*time.Second, time.Millisecond)
	g.set("documents/limits", `{"max_pdf_mb":3}`)
	require.Eventually(t, func() bool { return f.send(f.sized(3<<20)).status == 202 }, 20*time.Second, time.Millisecond)
	f.send(f.sized(3<<20+1)).is(413, "The upload is larger than 3145728 bytes")
}

func TestUploadLimitWithoutTheGateway(t *testing.T) {
	g := newFakeGateway(t)
	g.fail(http.StatusInternalServerError)
	f := start(t, Config{Gateway: g.at(), MaxUploadBytes: 100 << 20})
	f.send(f.sized(30 << 20)).is(202) // it has never answered
	g.fail(0)
	f.sees(20)
	for _, status := range []int{500, 401, 302, 304} {
		g.fail(status)
		g.set("documents/limits", `{"max_pdf_mb":40}`)
		require.EqualValues(t, 20<<20+uploadFrame, f.uploadLimitAnew(), status)
	}
	g.fail(0)
	for _, unreadable := range []string{"<html>", `{"max_pdf_mb":"40"}`, `{"max_pdf_mb":40}` + strings.Repeat(" ", maxSetting)} {
		g.set("documents/limits", unreadable)
		require.EqualValues(t, 20<<20+uploadFrame, f.uploadLimitAnew(), "%.20s", unreadable)
	}
	g.set("documents/limits", "")
	require.EqualValues(t, 100<<20, f.uploadLimitAnew(), "a gateway that has no such setting does not limit")
	g.set("documents/limits", `{"max_pdf_mb":9223372036854775807}`)
	require.EqualValues(t, 100<<20, f.uploadLimitAnew())
	g.Close()
	require.EqualValues(t, 100<<20, f.uploadLimitAnew())
}

// uploadLimitAnew is the limit after the gateway has been asked again.
func (f *fixture) uploadLimitAnew() int64 {
	f.gateway.limits.cache.Invalidate("")
	return f.uploadLimit(f.t.Context())
}

// What has not changed is not sent again, and what was heard a moment ago is not asked again.
func TestGatewayIsAskedSparingly(t *testing.T) {
	g := newFakeGateway(t)
	f := start(t, Config{Gateway: g.at()})
	for range 3 {
		f.uploadLimitAnew()
	}
	for range 100 {
		f.uploadLimit(t.Context())
	}
	require.Less(t, g.times(), 10)
	require.Equal(t, 2, g.unchanged)
}

// A gateway that hangs holds an upload up for a moment only.
func TestGatewayHangs(t *testing.T) {
	stop := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/internal/storage/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	defer close(stop)
	f := start(t, Config{Gateway: feature.Gateway{URL: hanging.URL, Token: gatewayToken}})
	require.Equal(t, 2*time.Second, f.gateway.client.Timeout)
	f.gateway.client.Timeout = 50 * time.Millisecond
	f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(202)
}

// The token is for the gateway, not for where it may send us.
func TestGatewayRedirects(t *testing.T) {
	seen := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
	defer other.Close()
	g := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer g.Close()
	f := start(t, Config{Gateway: feature.Gateway{URL: g.URL, Token: gatewayToken}})
	require.EqualValues(t, defaultMaxUpload, f.uploadLimit(t.Context()))
	require.Empty(t, seen)
}

func TestGatewayMisconfigured(t *testing.T) {
	for want, at := range map[string]feature.Gateway{
		"its URL is missing":                   {Token: "hunter2"},
		"the token to show there is missing":   {URL: "http://127.0.0.1:8002"},
		"without user, query":                  {URL: "http://u:hunter2@127.0.0.1:8002", Token: "x"},
		"http or https":                        {URL: "ftp://hunter2", Token: "x"},
		"http or https with a host":            {URL: "http://:8002", Token: "x"},
		"user, query and fragment":             {URL: "http://x/?hunter2", Token: "x"},
		"gateway: the URL must be http or htt": {URL: "http://[hunter2", Token: "x"},
	} {
		_, err := New(t.Context(), Config{DataDir: t.TempDir(), Gateway: at})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// The feature is given its gateway by the program that runs it, and gives that the prompt.
func TestFeatureKnowsItsGateway(t *testing.T) {
	require.Equal(t, "doc-service", Feature.Service.ID)
	require.Contains(t, Feature.Service.SystemPrompt, "JSON")
	g := newFakeGateway(t)
	g.set("documents/limits", `{"max_pdf_mb":7}`)
	running, err := Feature.Start(t.Context(), feature.Env{DataDir: t.TempDir(), Migrate: true, Gateway: g.at(), Logger: discard})
	require.NoError(t, err)
	require.EqualValues(t, 7<<20+uploadFrame, running.(*Service).uploadLimit(t.Context()))
	require.NoError(t, running.Close(t.Context()))
}
