package main_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

var crowd = flag.Int("crowd", 300, "how many hostile clients the overload tests have")

// unwatched is the binary without the race detector, whose shadow takes many times the memory that is measured here.
var unwatched = sync.OnceValues(func() (string, error) {
	if len(buildFlags) == 0 {
		return binary, nil
	}
	path := filepath.Join(filepath.Dir(binary), "portico-unwatched")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// siege is a gateway behind a proxy that it trusts, with somebody honest who works on it while others do what they can
// to keep it from working.
type siege struct {
	*gateway
	client  *http.Client // of the honest, and of crowds that speak HTTP as it should be
	ann     string       // token of the honest user
	secrets []string
	vitals  vitals
	leave   context.CancelFunc
	honest  chan error
}

const (
	honestAddress = "203.0.113.7"

	// mostMemory is what the gateway may take at any time, in bytes.
	mostMemory = 256 << 20

	// poolFiles is how many files the connections to the database have that a pool keeps when it was busy.
	poolFiles = 64
)

// besiege starts a gateway, whose vital signs it takes when it has worked a little.
func besiege(t *testing.T, d testkit.Database, more env) *siege {
	t.Helper()
	path, err := unwatched()
	require.NoError(t, err)
	p := in(t, on(d).with(env{"PORTICO_TRUSTED_PROXIES": "127.0.0.1/32", "PORTICO_LOG_FORMAT": "json"}).with(more))
	p.binary = path
	s := &siege{
		gateway: p.serve(t), honest: make(chan error, 1), secrets: []string{testkit.Password},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}, Timeout: 2 * patience},
	}
	s.ann = s.signUp(t, "ann@example.com")
	for range 20 {
		require.NoError(t, s.work())
	}
	s.hangUp()
	s.vitals = s.calm(t, func(v vitals) bool { return v.sockets == 0 })
	ctx, leave := context.WithCancel(context.Background())
	s.leave = leave
	t.Cleanup(leave)
	go func() {
		for ctx.Err() == nil {
			if err := s.work(); err != nil {
				s.honest <- err
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		s.honest <- nil
	}()
	return s
}

// signUp makes an account and returns its token, which is a secret from then on.
func (s *siege) signUp(t testing.TB, email string) string {
	t.Helper()
	token := s.Token(t, email)
	s.secrets = append(s.secrets, token)
	return token
}

// hangUp closes the connections that wait for another request.
func (s *siege) hangUp() {
	s.client.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// call sends a request as from the address.
func (s *siege) call(ctx context.Context, from string, r testkit.Request) (testkit.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, s.URL+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return testkit.Reply{}, err
	}
	req.Header.Set("X-Forwarded-For", from)
	req.Header.Set("Content-Type", "application/json")
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return testkit.Reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return testkit.Reply{Status: res.StatusCode, Body: string(body), Header: res.Header}, err
}

// work is what somebody honest does: read, write, and look at the documents.
func (s *siege) work() error {
	for _, r := range []testkit.Request{
		as(s.ann, "GET", "/api/users/me", ""),
		as(s.ann, "PATCH", "/api/users/me/color-mode", `{"color_mode":"dark"}`),
		as(s.ann, "GET", "/api/documents/categories", ""),
		as("", "GET", "/health/ready", ""),
	} {
		reply, err := s.call(context.Background(), honestAddress, r)
		if err == nil && reply.Status != http.StatusOK {
			err = fmt.Errorf("%d %s", reply.Status, reply.Body)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
	}
	return nil
}

// vitals are what a process holds.
type vitals struct{ goroutines, files, heap, sockets int }

func (s *siege) look(t testing.TB) vitals {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(s.DataDir, "service.token"))
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Internal+"/metrics", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	metric := func(name string) int {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		require.Len(t, found, 2, name)
		value, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return int(value)
	}
	return vitals{metric("go_goroutines"), metric("process_open_fds"), metric("go_memstats_heap_inuse_bytes"), s.sockets(t)}
}

// sockets is how many connections the public door has, as the kernel sees it.
func (s *siege) sockets(t testing.TB) int {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	local := fmt.Sprintf(":%04X", n)
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	count := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], local) && fields[3] == "01" { // established
			count++
		}
	}
	return count
}

// calm waits until the vital signs are as they should be.
func (s *siege) calm(t testing.TB, ok func(vitals) bool) vitals {
	t.Helper()
	var v vitals
	require.Eventually(t, func() bool { v = s.look(t); return ok(v) }, 2*patience, 200*time.Millisecond, "now %+v, before %+v", &v, s.vitals)
	return v
}

// peak is the most memory that the process has held, in bytes, beside the pages of its binary.
func (s *siege) peak(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	require.NoError(t, err)
	field := func(name string) int {
		found := regexp.MustCompile(name + `:\s*(\d+) kB`).FindSubmatch(status)
		require.Len(t, found, 2)
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		return n << 10
	}
	return field("VmHWM") - field("RssFile")
}

// lift ends the siege: the honest one has worked all the time and goes on to, the crowd has left nothing behind, neither
// in memory nor in the log, and the gateway stops as ever.
func (s *siege) lift(t *testing.T) {
	t.Helper()
	s.leave()
	require.NoError(t, <-s.honest, "somebody honest was kept from working")
	require.NoError(t, s.work())
	require.Less(t, s.peak(t), mostMemory, "memory at its most")
	s.hangUp()
	garbage := `{"email":[` + strings.Repeat("{},", 300_000) + `0]}` // makes the collector look
	after := s.calm(t, func(v vitals) bool {
		if v.heap > s.vitals.heap+32<<20 {
			_, _ = s.call(t.Context(), honestAddress, as("", "POST", "/api/auth/register", garbage))
			s.hangUp()
			return false
		}
		return v.goroutines <= s.vitals.goroutines+20 && v.files <= s.vitals.files+poolFiles && v.sockets == 0
	})
	t.Logf("before %+v, after %+v, peak %d MiB", s.vitals, after, s.peak(t)>>20)
	require.Equal(t, http.StatusOK, s.get(t, "", "/health/ready").Status)
	s.hangUp()
	require.Equal(t, 0, s.stop(t))
	log := s.err.String()
	require.NotContains(t, log, `"status":500`)
	require.NotContains(t, log, `"msg":"panic"`)
	for _, secret := range s.secrets {
		require.NotContains(t, log, secret)
	}
}

// dial opens a connection to the public door, closed with the test at the latest.
func (s *siege) dial(t testing.TB) net.Conn {
	t.Helper()
	return dialed(t, s.URL)
}

func dialed(t testing.TB, url string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// head is a request as it goes over the wire, but for a body.
func head(method, path string, headers ...string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: portico.test\r\n", method, path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}
