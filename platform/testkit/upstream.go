package testkit

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of the fake upstream and of those who watch it.
const patience = 20 * time.Second

// Upstream is a feature service made by hand, byte by byte, on a loopback port. It notes down what reaches it
// exactly as it was sent, and misbehaves as the test wants: it can stall, cut, drip and send what is no HTTP at all.
type Upstream struct {
	URL string // http://127.0.0.1:port

	ln     net.Listener
	answer func(*Exchange)
	got    chan *Received
	ended  chan struct{}
	once   sync.Once

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	dials int
}

// Received is one request as it came.
type Received struct {
	Line    string   // such as "GET /documents HTTP/1.1"
	Headers []string // each line as received, in order
	Body    Body     // filled by Exchange.ReadBody
}

// Body sums up a request body.
type Body struct {
	Bytes    int64
	SHA256   string // of those bytes, lower-case hex
	Complete bool   // it ended as its framing promised
}

// Values returns the values of every header line whose name is exactly so spelled, case included.
func (r *Received) Values(name string) []string {
	var out []string
	for _, line := range r.Headers {
		if n, v, _ := strings.Cut(line, ":"); n == name {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// Header returns the value of the header, compared without regard to case; "" when there is none.
func (r *Received) Header(name string) string {
	for _, line := range r.Headers {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// NewUpstream starts an upstream that handles each request with answer, until the test ends.
// The connection stays open for the next request when answer returns, unless it cut or closed it.
func NewUpstream(t testing.TB, answer func(*Exchange)) *Upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &Upstream{URL: "http://" + ln.Addr().String(), ln: ln, answer: answer,
		got: make(chan *Received, 100_000), ended: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	go u.accept()
	t.Cleanup(u.Close)
	return u
}

// Close stops the upstream and cuts its connections; further calls are refused.
func (u *Upstream) Close() {
	u.once.Do(func() { close(u.ended) })
	u.ln.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		c.Close()
	}
}

// Next returns the oldest request not yet asked for, when its handling is over, and fails the test when none comes.
func (u *Upstream) Next(t testing.TB) *Received {
	t.Helper()
	select {
	case r := <-u.got:
		return r
	case <-time.After(patience):
		t.Fatal("nothing reached the upstream")
		return nil
	}
}

// None fails the test when a request has reached the upstream that Next has not returned.
func (u *Upstream) None(t testing.TB) {
	t.Helper()
	select {
	case r := <-u.got:
		t.Fatalf("the upstream got %q", r.Line)
	default:
	}
}

// Dials returns how many connections were opened so far.
func (u *Upstream) Dials() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dials
}

func (u *Upstream) accept() {
	for {
		c, err := u.ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[c] = struct{}{}
		u.dials++
		u.mu.Unlock()
		go u.serve(c)
	}
}

func (u *Upstream) serve(c net.Conn) {
	defer func() {
		c.Close()
		u.mu.Lock()
		delete(u.conns, c)
		u.mu.Unlock()
	}()
	in := bufio.NewReader(c)
	for {
		r, err := readHead(in)
		if err != nil {
			return
		}
		x := &Exchange{Received: r, conn: c, in: in, ended: u.ended}
		u.answer(x)
		u.got <- r
		if x.over {
			return
		}
	}
}

func readHead(in *bufio.Reader) (*Received, error) {
	var r Received
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		switch line = strings.TrimRight(line, "\r\n"); {
		case r.Line == "":
			r.Line = line
		case line == "":
			return &r, nil
		default:
			r.Headers = append(r.Headers, line)
		}
	}
}

// Exchange is one request on its way to an answer.
type Exchange struct {
	*Received
	conn  net.Conn
	in    *bufio.Reader
	ended chan struct{}
	over  bool
	read  bool
}

// ReadBody takes the request body and notes down what it was.
func (x *Exchange) ReadBody() Body {
	if x.read {
		return x.Body
	}
	x.read = true
	sum := sha256.New()
	var n int64
	err := error(nil)
	switch length := x.Header("Content-Length"); {
	case strings.EqualFold(x.Header("Transfer-Encoding"), "chunked"):
		if n, err = io.Copy(sum, httputil.NewChunkedReader(x.in)); err == nil {
			_, err = x.in.ReadString('\n') // the empty trailer
		}
	case length != "":
		want, _ := strconv.ParseInt(length, 10, 64)
		n, err = io.CopyN(sum, x.in, want)
	}
	x.Body = Body{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), Complete: err == nil}
	x.over = x.over || err != nil
	return x.Body
}

// ReadSome takes n bytes of the body as they are on the wire and leaves the rest.
func (x *Exchange) ReadSome(n int64) {
	_, err := io.CopyN(io.Discard, x.in, n)
	x.read, x.over = true, x.over || err != nil
}

// Send writes the text as it is. What it reports is whether the other side was there to take it.
func (x *Exchange) Send(text string) bool {
	_, err := io.WriteString(x.conn, text)
	x.over = x.over || err != nil
	return err == nil
}

// Reply takes the request body and answers with a sized body and the header lines given.
func (x *Exchange) Reply(status int, body string, headers ...string) bool {
	x.ReadBody()
	head := fmt.Sprintf("HTTP/1.1 %03d Status\r\nContent-Length: %d\r\n", status, len(body))
	for _, h := range headers {
		head += h + "\r\n"
	}
	if strings.HasPrefix(x.Line, "HEAD ") {
		body = ""
	}
	return x.Send(head + "\r\n" + body)
}

// Chunk sends one chunk of a chunked body; the empty one is the last.
func (x *Exchange) Chunk(text string) bool {
	return x.Send(fmt.Sprintf("%x\r\n%s\r\n", len(text), text))
}

// Drip sends the text a byte at a time, with a pause after each.
func (x *Exchange) Drip(text string, pause time.Duration) bool {
	for _, b := range []byte(text) {
		if !x.Send(string([]byte{b})) || !x.pause(pause) {
			return false
		}
	}
	return true
}

func (x *Exchange) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-x.ended:
		return false
	}
}

// Hang does nothing until the other side goes away, and reports that it did before the test ended.
// What arrives meanwhile is thrown away.
func (x *Exchange) Hang() bool {
	x.over = true
	_, _ = io.Copy(io.Discard, x.in)
	select {
	case <-x.ended:
		return false
	default:
		return true
	}
}

// HangUnread does nothing until the test ends, and leaves what arrives in the socket.
func (x *Exchange) HangUnread() { x.over = true; <-x.ended }

// Finish closes the connection in order, as at the end of a reply without a length.
func (x *Exchange) Finish() { x.over = true; x.conn.Close() }

// Reset cuts the connection so that the other side sees a reset.
func (x *Exchange) Reset() {
	x.over = true
	_ = x.conn.(*net.TCPConn).SetLinger(0)
	x.conn.Close()
}
