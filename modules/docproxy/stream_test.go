package docproxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// zeros is a body of n bytes that needs no memory. It stands for itself, so the transport cannot know its length.
func zeros(n int64) io.Reader { return io.LimitReader(nothing{}, n) }

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// memoryGrowth returns by how much the memory in use grew at most while run was running. The collector is made to hurry,
// for what client and service leave behind in this process is not the proxy's.
func memoryGrowth(run func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	runtime.GC()
	before, peak := inUse(), atomic.Uint64{}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				peak.Store(max(peak.Load(), inUse()))
			}
		}
	}()
	run()
	close(done)
	<-stopped
	return max(peak.Load(), before) - before
}

func TestLargeBodiesPassInConstantMemory(t *testing.T) {
	const size = 1 << 30
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadBody()
		x.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
		block := string(make([]byte, 1<<20))
		for range size >> 20 {
			x.Send(block)
		}
	})
	h := open(t, up.URL)
	h.limit.Store(size)
	grown := memoryGrowth(func() {
		res, err := h.client.Do(h.request(t, "POST", "/api/documents", zeros(size)))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
	})
	require.Less(t, grown, uint64(32<<20))
	require.EqualValues(t, size, up.Next(t).Body.Bytes)
}

func TestBodiesArriveUnchanged(t *testing.T) {
	body := make([]byte, 3<<20+17)
	_, _ = rand.Read(body)
	sum := sha256.Sum256(body)
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(200, string(body), "Content-Encoding: gzip") })
	h := open(t, up.URL)
	for _, sized := range []bool{true, false} {
		reader := io.Reader(bytes.NewReader(body))
		if !sized {
			reader = io.MultiReader(reader)
		}
		res, got := h.do(t, "PUT", "/api/documents/x", reader, "Accept-Encoding: gzip")
		require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
		require.Equal(t, string(body), got)
		seen := up.Next(t)
		require.Equal(t, testkit.Body{Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Complete: true}, seen.Body)
		require.Equal(t, sized, seen.Header("Content-Length") != "")
		require.Equal(t, !sized, seen.Header("Transfer-Encoding") == "chunked")
	}
}

func TestBothDirectionsStreamAtOnce(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.ReadSome(int64(len("3\r\none\r\n")))
		x.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		x.Chunk("first")
		x.ReadSome(int64(len("3\r\ntwo\r\n0\r\n\r\n")))
		x.Chunk("second")
		x.Chunk("")
	})
	h := open(t, up.URL)
	c := h.raw(t, "POST /api/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	first := make([]byte, 5)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err, "the reply comes while the request is still under way")
	require.Equal(t, "first", string(first))
	_, err = io.WriteString(c, "3\r\ntwo\r\n0\r\n\r\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "second", string(rest))
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	send := make(chan string)
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: yes\r\nTransfer-Encoding: chunked\r\n\r\n")
		for event := range send {
			x.Chunk(event)
		}
		x.Chunk("")
	})
	h := open(t, up.URL)
	res, err := h.client.Do(h.request(t, "GET", "/api/documents/events", nil))
	require.NoError(t, err, "the head arrives before the first event")
	defer res.Body.Close()
	require.Equal(t, []string{"no"}, res.Header["X-Accel-Buffering"])
	in := bufio.NewReader(res.Body)
	for i := range 5 {
		send <- fmt.Sprintf("data: %d\n\n", i)
		line, err := in.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
		_, _ = in.ReadString('\n')
	}
	close(send)
	_, err = in.ReadByte()
	require.Equal(t, io.EOF, err)
}

func TestSizedBodyIsNotHeldBack(t *testing.T) {
	more := make(chan struct{})
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		x.Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
		<-more
		x.Send("def")
	})
	h := open(t, up.URL)
	res, err := h.client.Do(h.request(t, "GET", "/api/documents/x", nil))
	require.NoError(t, err)
	defer res.Body.Close()
	half := make([]byte, 3)
	_, err = io.ReadFull(res.Body, half)
	require.NoError(t, err)
	close(more)
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "def", string(rest))
}

// A reply that begins before the transport has seen the end of the request body must not tear the call down
// (golang/go#40747): without full duplex some of these lose their replies.
func TestThousandsOfSmallPostsAllGetTheirReplies(t *testing.T) {
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) { // the reply overtakes the end of the request
		x.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		x.Chunk("hello")
		x.ReadBody()
		x.Chunk("")
	})
	h := open(t, up.URL)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				body := io.Reader(bytes.NewReader(make([]byte, 1+i%2*8000)))
				if i%4 < 2 {
					body = io.MultiReader(body) // chunked
				}
				res, err := h.client.Do(h.request(t, "POST", "/api/documents", body))
				if err != nil {
					failed.Add(1)
					continue
				}
				text, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || string(text) != "hello" {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, failed.Load(), "of 4000")
}

func TestReplyCutByTheServiceIsAnErrorForTheClient(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
	for name, answer := range map[string]func(*testkit.Exchange){
		"sized, closed": func(x *testkit.Exchange) { x.Send(head + "Content-Length: 100\r\n\r\nhello"); x.Finish() },
		"sized, reset":  func(x *testkit.Exchange) { x.Send(head + "Content-Length: 100\r\n\r\nhello"); x.Reset() },
		"chunked, closed": func(x *testkit.Exchange) {
			x.Send(head + "Transfer-Encoding: chunked\r\n\r\n")
			x.Chunk("hello")
			x.Finish()
		},
		"chunked, reset": func(x *testkit.Exchange) {
			x.Send(head + "Transfer-Encoding: chunked\r\n\r\n")
			x.Chunk("hello")
			x.Reset()
		},
		"chunked, broken": func(x *testkit.Exchange) {
			x.Send(head + "Transfer-Encoding: chunked\r\n\r\n")
			x.Chunk("hello")
			x.Send("zz\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			up := testkit.NewUpstream(t, answer)
			h := open(t, up.URL)
			res, err := h.client.Do(h.request(t, "GET", "/api/documents/x", nil))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if name == "sized, reset" || name == "chunked, reset" {
				if res != nil && res.StatusCode == 502 {
					return // the reset overtook the head
				}
			}
			require.Error(t, err)
		})
	}
}

func TestDownloadGoesOnlyAsFastAsTheClientReads(t *testing.T) {
	var sent atomic.Int64
	ended := make(chan struct{})
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		defer close(ended)
		x.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 1<<30))
		block := string(make([]byte, 64<<10))
		for range 1 << 14 {
			if !x.Send(block) {
				return
			}
			sent.Add(64 << 10)
		}
	})
	h := open(t, up.URL)
	ctx, cancel := context.WithCancel(t.Context())
	res, err := h.client.Do(h.request(t, "GET", "/api/documents/x", nil).WithContext(ctx))
	require.NoError(t, err)
	defer res.Body.Close()
	last, still := int64(-1), 0
	within(t, "the sending stops by itself", func() bool {
		now := sent.Load()
		if still++; now != last {
			last, still = now, 0
		}
		return still == 100
	})
	require.Less(t, sent.Load(), int64(256<<20), "what fits into the sockets on the way, no more")
	cancel()
	<-ended
}
