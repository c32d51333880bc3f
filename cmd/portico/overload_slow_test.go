package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// drippers are connections that send a byte now and then, for as long as somebody listens.
type drippers struct {
	cut atomic.Int64
	all sync.WaitGroup

	mu      sync.Mutex
	answers map[int]int // by status; 0 for none
}

// drip opens connections that begin with the text and go on with one byte after the other.
func (s *siege) drip(t testing.TB, n int, url, begin string) *drippers {
	t.Helper()
	d := &drippers{answers: map[int]int{}}
	for range n {
		conn := dialed(t, url)
		_, err := io.WriteString(conn, begin)
		require.NoError(t, err)
		over := make(chan struct{})
		d.all.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(500 * time.Millisecond):
					_, _ = conn.Write([]byte("x")) // that nobody listens is seen by the one who reads
				}
			}
		})
		d.all.Go(func() {
			defer close(over)
			d.read(conn)
		})
	}
	return d
}

// read waits for an answer and for the end of the connection.
func (d *drippers) read(conn net.Conn) {
	in := bufio.NewReader(conn)
	status := 0
	if res, err := http.ReadResponse(in, nil); err == nil {
		status = res.StatusCode
	}
	d.mu.Lock()
	d.answers[status]++
	d.mu.Unlock()
	_, _ = io.Copy(io.Discard, in)
	d.cut.Add(1)
}

func (d *drippers) answered() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, count := range d.answers {
		n += count
	}
	return n
}

// Clients that drip are cut, some of them do not even get that far, and what is slow but steady goes on.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	endless := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		switch path := strings.Fields(x.Line)[1]; {
		case strings.HasPrefix(path, "/documents/silence"): // until the client leaves
			x.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			x.Hang()
		case strings.HasPrefix(path, "/documents/events"):
			x.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for x.Chunk(strings.Repeat("data: on and on\n\n", 4000)) {
			}
		case strings.HasPrefix(path, "/documents/large"):
			x.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: %d\r\n\r\n", 1<<30))
			for block := string(make([]byte, 64<<10)); x.Send(block); {
			}
		default:
			x.Reply(http.StatusOK, "[]", "Content-Type: application/json")
		}
	})
	d := testkit.Prepared(nil).SQLite(t)
	s := besiege(t, d, env{"PORTICO_CONFIG": serviceAt(t, endless.URL)})
	mallory := []string{s.signUp(t, "mallory@example.com"), s.signUp(t, "mallet@example.com")}
	few := max(*crowd/6, 10)

	began := time.Now()
	headers := s.drip(t, *crowd, s.URL, "GET /api/users/me HTTP/1.1\r\nHost: x\r\nX-Drip: ")
	refused := s.drip(t, few, s.URL, head("POST", "/api/users/me/password", "Content-Length: 1000", "Content-Type: application/json")+"{")
	upload := s.drip(t, few, s.URL, head("POST", "/api/documents", "Content-Length: 100000000", "Content-Type: multipart/form-data; boundary=x"))
	unknown := s.drip(t, few, s.URL, head("POST", "/nowhere", "Transfer-Encoding: chunked")+"8\r\n")
	internal := s.drip(t, few, s.Internal, head("PUT", "/internal/storage/objects/x", "Content-Length: 1000"))
	bodies := s.drip(t, *crowd, s.URL, head("POST", "/api/auth/login", "Content-Length: 1000000", "Content-Type: application/x-www-form-urlencoded")+"username=")
	uploads := s.drip(t, few, s.URL, head("POST", "/api/documents", "Content-Length: 1000000", "Authorization: Bearer "+mallory[0]))

	// Those who read nothing of what they have asked for, and those who ask and vanish.
	asking := head("GET", "/openapi.json")
	readers := []net.Conn{
		s.deaf(t, strings.Repeat(asking, 2000)),
		s.deaf(t, strings.Repeat(head("GET", "/api/users/me", "Authorization: Bearer "+s.ann), 20_000)),
	}
	for range few / 2 {
		readers = append(readers,
			s.deaf(t, head("GET", "/api/documents/events", "Authorization: Bearer "+mallory[1])),
			s.deaf(t, head("GET", "/api/documents/large", "Authorization: Bearer "+mallory[1])))
	}
	for range few {
		conn := s.deaf(t, head("GET", "/api/documents/silence", "Authorization: Bearer "+mallory[0]))
		_, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}

	// 32 KiB a minute is the least; half a KiB a tenth of a second is slow, takes longer than any JSON may, and is not cut.
	steady := make(chan error, 1)
	go func() { steady <- s.steadily(time.Now().Add(35 * time.Second)) }()

	for name, d := range map[string]struct {
		*drippers
		status int
	}{
		"no token": {refused, 401}, "an upload without a token": {upload, 401}, "nowhere": {unknown, 404}, "the internal door": {internal, 401},
	} {
		require.Eventually(t, func() bool { return d.answered() == few }, patience, 10*time.Millisecond, name)
		require.Equal(t, map[int]int{d.status: few}, d.answers, name)
	}
	t.Logf("refused without their bodies after %v", time.Since(began))
	headers.all.Wait()
	require.Equal(t, map[int]int{0: *crowd}, headers.answers, "a head that is not whole has no answer")
	t.Logf("heads cut after %v", time.Since(began))
	bodies.all.Wait()
	require.Equal(t, map[int]int{http.StatusBadRequest: *crowd}, bodies.answers)
	t.Logf("forms cut after %v", time.Since(began))
	require.NoError(t, <-steady, "what is slow and steady goes on")
	uploads.all.Wait()
	require.Equal(t, map[int]int{http.StatusBadRequest: few}, uploads.answers)
	for _, d := range []*drippers{refused, upload, unknown, internal} {
		d.all.Wait()
	}
	t.Logf("uploads cut after %v", time.Since(began))
	require.Eventually(t, func() bool { return s.look(t).goroutines <= s.vitals.goroutines+20 }, 2*patience, 100*time.Millisecond, "the deaf are still heard")
	for _, conn := range readers {
		require.NoError(t, conn.Close())
	}
	t.Logf("the deaf cut after %v", time.Since(began))
	s.lift(t)
}

// serviceAt is a configuration with the document service at the URL.
func serviceAt(t testing.TB, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "portico.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "services:\n  - {id: doc-service, name: Documents, url: %q}\n", url), 0o600))
	return path
}

// deaf asks and never reads. The rest of what it asks for is lost where nobody takes it.
func (s *siege) deaf(t testing.TB, ask string) net.Conn {
	t.Helper()
	conn := s.dial(t)
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	go func() { _, _ = io.WriteString(conn, ask) }()
	return conn
}

// steadily uploads half a KiB each tenth of a second until then.
func (s *siege) steadily(until time.Time) error {
	in, out := io.Pipe()
	go func() {
		for time.Now().Before(until) {
			_, _ = out.Write(make([]byte, 512))
			time.Sleep(100 * time.Millisecond)
		}
		out.Close()
	}()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL+"/api/documents", in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.ann)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// Ten thousand connections that wait for their next request take little, as many as the limit of files allows.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	n := min(10_000, int(limit.Max)-1000)
	require.Greater(t, n, 1000, "the limit of open files is too low to tell anything")

	s := besiege(t, testkit.Prepared(nil).SQLite(t), nil)
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = s.dial(t)
		_, err := io.WriteString(conns[i], head("GET", "/health/live"))
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReaderSize(conns[i], 512), nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	v := s.look(t)
	require.GreaterOrEqual(t, v.sockets, n*9/10, "they must not have been closed")
	garbage := registration("x@example.com")
	garbage.Body = `{"email":[` + strings.Repeat("{},", 5000) + `0]}`
	for range 300 { // megabytes in all
		reply, err := s.call(t.Context(), honestAddress, garbage)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, reply.Status)
	}
	require.Less(t, s.peak(t), mostMemory)
	t.Logf("%d idle connections: %+v, peak %d MiB", n, v, s.peak(t)>>20)
	for _, i := range []int{0, n / 2, n - 1} { // and any of them is still served
		_, err := io.WriteString(conns[i], head("GET", "/api/users/me", "Authorization: Bearer "+s.ann))
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	for _, conn := range conns {
		conn.Close()
	}
	s.lift(t)
}
