package main_test

import (
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// largeDocument is more than the sockets between a client and the document service hold.
var largeDocument = pdf("Large", 3, 12<<20)

// TestStop stops one installation again and again, in each way there is.
func TestStop(t *testing.T) {
	t.Parallel()
	p := in(t, on(testkit.Prepared(nil).SQLite(t)))
	first := p.serve(t)
	token := first.Token(t, "ann@example.com")
	id := first.upload(t, token, largeDocument).ID
	first.ready(t, token, id)
	require.Equal(t, 0, first.stop(t))

	t.Run("what is in flight finishes", func(t *testing.T) {
		g := p.serve(t)
		up, down := g.beginUpload(t, token), g.beginDownload(t, token, id)
		g.signal(syscall.SIGTERM)
		g.refuses(t)
		require.False(t, g.over(), "it waits for nobody")
		require.Empty(t, finished(g), "both are in flight")

		require.Equal(t, http.StatusAccepted, up.end(t))
		content, err := io.ReadAll(down)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(largeDocument), sha256.Sum256(content))
		require.Equal(t, 0, g.wait(t))
		require.Len(t, finished(g), 2)
		require.Empty(t, messages(g.process))

		again := p.serve(t)
		require.Len(t, decode[[]document](t, again.get(t, token, "/api/documents").Body), 2)
		require.Equal(t, 0, again.stop(t))
	})

	t.Run("what takes too long is cut, and seen to be", func(t *testing.T) {
		hurried := p
		hurried.env = p.env.with(env{"PORTICO_SHUTDOWN_GRACE": "1s"})
		g := hurried.serve(t)
		up, down := g.beginUpload(t, token), g.beginDownload(t, token, id)
		g.signal(syscall.SIGTERM)
		require.Positive(t, g.wait(t))
		require.Error(t, up.failure(t))
		_, err := io.Copy(io.Discard, down)
		require.Error(t, err, "part of a file looks like all of it")
		requireLines(t, g.process, "requests were cut")

		again := p.serve(t)
		require.Len(t, decode[[]document](t, again.get(t, token, "/api/documents").Body), 2, "part of an upload is none")
		require.Equal(t, 0, again.stop(t))
	})

	t.Run("a second signal ends it at once", func(t *testing.T) {
		patient := p
		patient.env = p.env.with(env{"PORTICO_SHUTDOWN_GRACE": "1h"})
		for range 5 { // also one that comes the moment the stop can be seen
			g := patient.serve(t)
			up := g.beginUpload(t, token)
			g.signal(syscall.SIGTERM)
			g.refuses(t)
			require.False(t, g.over())
			g.signal(syscall.SIGTERM)
			require.NotZero(t, g.wait(t))
			require.Error(t, up.failure(t))
		}
	})

	t.Run("an idle one goes at once, whichever signal", func(t *testing.T) {
		g := p.serve(t)
		require.Equal(t, http.StatusOK, g.get(t, token, "/api/users/me").Status) // leaves an idle connection
		g.signal(syscall.SIGINT)
		require.Equal(t, 0, g.wait(t))
	})

	t.Run("one that still tries to start stops too", func(t *testing.T) {
		database := silent(t)
		e := ports.with(unreachable(database.Addr().String())).with(env{"PORTICO_DATABASE_CONNECT_TIMEOUT": "10m"})
		r := in(t, e).start(t)
		conn, err := database.Accept()
		require.NoError(t, err)
		defer conn.Close()
		require.Positive(t, r.stop(t))
		require.NotContains(t, r.err.String(), canary)
	})
}

// refuses waits until no new connection is taken.
func (g *gateway) refuses(t testing.TB) {
	t.Helper()
	u, err := url.Parse(g.URL)
	require.NoError(t, err)
	for began := time.Now(); time.Since(began) < patience; {
		conn, err := net.DialTimeout("tcp", u.Host, patience)
		if err != nil {
			return
		}
		conn.Close()
	}
	require.Fail(t, "it goes on taking connections")
}

// finished are the lines of the gateway's log that tell of slow transfers that have ended.
func finished(g *gateway) (lines []string) {
	for line := range strings.Lines(g.Log.String()) {
		if strings.Contains(line, slow) && !strings.Contains(line, `"service":"doc-service"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// slow is part of the request ids of transfers that take their time.
const slow = "slow-"

// upload is one of which half is done.
type upload struct {
	rest  []byte
	pipe  *io.PipeWriter
	reply chan reply
}

type reply struct {
	status int
	err    error
}

// beginUpload returns when half of the document has reached the document service.
func (g *gateway) beginUpload(t testing.TB, token string) *upload {
	t.Helper()
	contentType, body := form(t, pdf("Slow", 2, 100_000))
	in, out := io.Pipe()
	req := g.request(t, http.MethodPost, "/api/documents", token, in)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Request-Id", slow+"upload")
	u := &upload{rest: []byte(body[len(body)/2:]), pipe: out, reply: make(chan reply, 1)}
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			u.reply <- reply{err: err}
			return
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		u.reply <- reply{resp.StatusCode, err}
	}()
	_, err := out.Write([]byte(body[:len(body)/2]))
	require.NoError(t, err)
	t.Cleanup(func() { out.CloseWithError(io.ErrClosedPipe) })
	require.Eventually(t, func() bool { return len(g.staged(t)) > 0 }, patience, 5*time.Millisecond, "the upload does not arrive")
	return u
}

// staged are the files of documents that are not whole yet.
func (g *gateway) staged(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.DataDir, "doc-service", "files", "staging", "*"))
	require.NoError(t, err)
	return files
}

// end sends the rest and returns the status of the reply.
func (u *upload) end(t testing.TB) int {
	t.Helper()
	_, err := u.pipe.Write(u.rest)
	require.NoError(t, err)
	require.NoError(t, u.pipe.Close())
	r := u.wait(t)
	require.NoError(t, r.err)
	return r.status
}

// failure goes on sending until nobody listens, and returns how the upload ended.
func (u *upload) failure(t testing.TB) error {
	t.Helper()
	for {
		if _, err := u.pipe.Write(u.rest[:1]); err != nil { // the client gave up
			return u.wait(t).err
		}
	}
}

func (u *upload) wait(t testing.TB) reply {
	t.Helper()
	select {
	case r := <-u.reply:
		return r
	case <-time.After(patience):
		require.Fail(t, "the upload does not end")
		panic("unreachable")
	}
}

// beginDownload returns when the reply has begun.
func (g *gateway) beginDownload(t testing.TB, token, id string) io.Reader {
	t.Helper()
	req := g.request(t, http.MethodGet, "/api/documents/"+id+"/content", token, nil)
	req.Header.Set("X-Request-Id", slow+"download")
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return resp.Body
}
