package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/app"
)

// Gateway is the whole program, running in this process until the test ends.
type Gateway struct {
	URL      string // of the public door
	Internal string // URL of the internal door
	DataDir  string
	Out      *Output // what it told the operator
	Log      *Output // JSON, at level debug

	tokens sync.Map
	stop   func()
	ended  chan struct{}
	code   int // once ended is closed
}

// StartGateway runs the program on free loopback ports and waits until it listens. Environ is its whole environment,
// on top of what a test needs.
func StartGateway(t testing.TB, spec app.Spec, environ map[string]string) *Gateway {
	t.Helper()
	g := &Gateway{DataDir: t.TempDir(), Out: &Output{}, Log: &Output{}, ended: make(chan struct{})}
	env := map[string]string{
		"PORTICO_LISTEN": "127.0.0.1:0", "PORTICO_INTERNAL_LISTEN": "127.0.0.1:0", "PORTICO_DATA_DIR": g.DataDir,
		"PORTICO_LOG_LEVEL": "debug", "PORTICO_LOG_FORMAT": "json",
	}
	maps.Copy(env, environ)
	g.DataDir = env["PORTICO_DATA_DIR"]
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go func() {
		defer close(g.ended)
		g.code = app.Run(ctx, spec, app.Process{Args: []string{"serve"}, Environ: list, Stdin: strings.NewReader(""), Stdout: g.Out, Stderr: g.Log})
	}()
	t.Cleanup(func() { g.Stop(t) })
	require.Eventually(t, func() bool { return g.over() || strings.Contains(g.Out.String(), "listens on") },
		time.Minute, 5*time.Millisecond, "the gateway did not start")
	require.False(t, g.over(), "the gateway stopped at once: %s", g.Log)
	g.URL = find(t, g.Out, `listens on (http://\S+)`)
	g.Internal = "http://" + find(t, g.Log, `"internal":"([^"]+)"`)
	return g
}

func find(t testing.TB, in *Output, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(in.String())
	require.Len(t, found, 2, "%s in %s", pattern, in)
	return found[1]
}

func (g *Gateway) over() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// Stop ends the gateway as SIGTERM does and returns its exit code.
func (g *Gateway) Stop(t testing.TB) int {
	g.stop()
	select {
	case <-g.ended:
		return g.code
	case <-time.After(time.Minute):
		t.Error("the gateway did not stop")
		return -1
	}
}

// Password is what every account of a test has.
const Password = "Gr8&Sturdy!bridge"

// Token signs in, with an account made on first use. Without a name it is empty: nobody.
func (g *Gateway) Token(t testing.TB, email string) string {
	t.Helper()
	if email == "" {
		return ""
	}
	if token, ok := g.tokens.Load(email); ok {
		return token.(string)
	}
	_ = g.Call(t, Request{Method: http.MethodPost, Path: "/api/auth/register", Body: `{"email":"` + email + `","password":"` + Password + `"}`})
	token := g.SignIn(t, email, Password)
	g.tokens.Store(email, token)
	return token
}

// Forget drops the token of an account, which is signed in anew when it is next named.
func (g *Gateway) Forget(email string) { g.tokens.Delete(email) }

// SignIn returns a fresh token of an account that is there.
func (g *Gateway) SignIn(t testing.TB, email, password string) string {
	t.Helper()
	form := url.Values{"username": {email}, "password": {password}}
	r := g.Call(t, Request{Method: http.MethodPost, Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: form.Encode()})
	require.Equal(t, http.StatusOK, r.Status, r.Body)
	var reply struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.Body), &reply))
	return reply.Token
}

// Request is one call of the API.
type Request struct {
	Method, Path string
	As           string // e-mail of the caller, "" for nobody
	Token        string // in place of As
	Type         string // of the body; application/json when empty
	Body         string
	Header       http.Header
}

// Reply is what came back.
type Reply struct {
	Status int
	Body   string
	Header http.Header
}

// Call sends a request and reads the whole reply. Redirects are not followed.
func (g *Gateway) Call(t testing.TB, r Request) Reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), r.Method, g.URL+r.Path, strings.NewReader(r.Body))
	require.NoError(t, err)
	if r.Token == "" {
		r.Token = g.Token(t, r.As)
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Type == "" && r.Body != "" {
		r.Type = "application/json"
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	maps.Copy(req.Header, r.Header)
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return Reply{resp.StatusCode, string(body), resp.Header}
}

// Scenario is one call with what its reply must and must not hold.
type Scenario struct {
	Name string
	Request
	Status int
	Want   []string // in the body
	Not    []string // neither in the body nor in a header
}

// NeverInReplies must not be in any reply, whatever is asked.
var NeverInReplies = []string{"hashed_password", "is_superuser", "$2a$", "$2b$"}

// Run runs the scenarios in order.
func (g *Gateway) Run(t *testing.T, scenarios ...Scenario) {
	t.Helper()
	for _, s := range scenarios {
		name := s.Name
		if name == "" {
			name = s.Method + " " + s.Path
		}
		t.Run(name, func(t *testing.T) {
			r := g.Call(t, s.Request)
			require.Equal(t, s.Status, r.Status, r.Body)
			for _, want := range s.Want {
				require.Contains(t, r.Body, want)
			}
			var header bytes.Buffer
			require.NoError(t, r.Header.Write(&header))
			for _, not := range append(s.Not, NeverInReplies...) {
				require.NotContains(t, r.Body, not)
				require.NotContains(t, header.String(), not)
			}
		})
	}
}

// Output collects what a program writes.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// Take returns what was written since the start or the last Take, and forgets it.
func (o *Output) Take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.buf
	o.buf = bytes.Buffer{}
	return taken.Bytes()
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
