package docservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"portico.internal/platform/testkit"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "inspect" {
		os.Exit(InspectStdin())
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// user is who a request says it comes from; the zero user sends no identity.
type user struct {
	id     string
	admin  bool
	groups string
}

var (
	nobody = user{}
	ann    = user{id: "a0000000-0000-4000-8000-000000000001", groups: "g-red,g-blue"}
	bob    = user{id: "b0000000-0000-4000-8000-000000000002", groups: "g-blue"}
	cat    = user{id: "c0000000-0000-4000-8000-000000000003"}
	root   = user{id: "d0000000-0000-4000-8000-000000000004", admin: true}
)

var discard = slog.New(slog.DiscardHandler)

// fixture is a running service.
type fixture struct {
	*Service
	t      *testing.T
	config Config
	server *httptest.Server
}

// each runs the test with a service on each database.
func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		test(t, start(t, Config{DatabaseURL: d.URL}))
	})
}

// eachWithAI runs the test with a service on each database that has a gateway and an AI.
func eachWithAI(t *testing.T, test func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI)) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		g, m := newFakeGateway(t), newFakeAI(t)
		g.use(m)
		test(t, start(t, Config{DatabaseURL: d.URL, Gateway: g.at()}), g, m)
	})
}

func start(t *testing.T, c Config) *fixture {
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.Logger == nil {
		c.Logger = discard
	}
	f := &fixture{t: t, config: c}
	f.open()
	t.Cleanup(f.close)
	return f
}

func (f *fixture) open() {
	s, err := New(f.t.Context(), f.config)
	require.NoError(f.t, err)
	f.Service, f.server = s, httptest.NewServer(s.Handler())
}

func (f *fixture) close() {
	if f.server == nil {
		return
	}
	f.server.Close()
	f.server = nil
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(f.t, f.Close(ctx))
}

// reply is an answer, read whole.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r reply) is(status int, want ...string) reply {
	r.t.Helper()
	require.Equal(r.t, status, r.status, r.body)
	for _, part := range want {
		require.Contains(r.t, r.body, part)
	}
	return r
}

func decode[T any](r reply) T {
	r.t.Helper()
	var v T
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &v), r.body)
	return v
}

func (f *fixture) request(as user, method, path string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.server.URL+path, body)
	require.NoError(f.t, err)
	if as.id != "" {
		r.Header.Set("x-user-id", as.id)
		r.Header.Set("x-user-groups", as.groups)
		r.Header.Set("x-user-is-admin", fmt.Sprint(as.admin))
	}
	return r
}

func (f *fixture) send(r *http.Request) reply {
	f.t.Helper()
	res, err := f.server.Client().Do(r)
	require.NoError(f.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	return reply{f.t, res.StatusCode, res.Header, string(body)}
}

// call sends a JSON body, none when it is empty.
func (f *fixture) call(as user, method, path, body string) reply {
	f.t.Helper()
	r := f.request(as, method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return f.send(r)
}

// form is a multipart body: name, file name (empty for a plain field) and content of each part.
func form(t *testing.T, parts ...[3]string) (body *bytes.Buffer, contentType string) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		var dst io.Writer
		var err error
		if p[1] == "" {
			dst, err = w.CreateFormField(p[0])
		} else {
			dst, err = w.CreateFormFile(p[0], p[1])
		}
		require.NoError(t, err)
		_, err = io.WriteString(dst, p[2])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return body, w.FormDataContentType()
}

func (f *fixture) post(as user, parts ...[3]string) reply {
	f.t.Helper()
	body, kind := form(f.t, parts...)
	r := f.request(as, "POST", "/documents", body)
	r.Header.Set("Content-Type", kind)
	return f.send(r)
}

// add uploads a PDF and returns it when it has been read.
func (f *fixture) add(as user, name string, content []byte) Document {
	f.t.Helper()
	d := decode[Document](f.post(as, [3]string{"file", name, string(content)}).is(202))
	return f.settled(as, d.ID)
}

// settled waits until the document is no longer being read.
func (f *fixture) settled(as user, id string) Document {
	f.t.Helper()
	var d Document
	require.Eventually(f.t, func() bool {
		d = decode[Document](f.call(as, "GET", "/documents/"+id, "").is(200))
		return d.Status != statusProcessing
	}, 30*time.Second, 5*time.Millisecond)
	return d
}

// content lists all files with their size that the service keeps.
func (f *fixture) content() map[string]int64 {
	found := map[string]int64{}
	require.NoError(f.t, filepath.WalkDir(filepath.Join(f.config.DataDir, "files"), func(path string, e os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist): // what has just gone is not kept
			return nil
		case err != nil || e.IsDir() || e.Name() == "lock":
			return err
		}
		info, err := e.Info()
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		found[e.Name()] = info.Size()
		return nil
	}))
	return found
}
