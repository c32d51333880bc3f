// Package framing refuses HTTP/1.1 messages that tell their length twice, by Content-Length and by chunked coding
// (RFC 9112, section 6.3). net/http takes them and drops one of the two headers before anybody can see it,
// so this looks at the bytes on their way in.
package framing

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// Strict returns ln with connections on which srv answers 400 to a request with an ambiguous length.
// It adds to srv.ConnState; call it before srv.Serve.
func Strict(srv *http.Server, ln net.Listener) net.Listener {
	next := srv.ConnState
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if sc, ok := c.(*conn); ok && state == http.StateIdle {
			sc.head.Store(true)
		}
		if next != nil {
			next(c, state)
		}
	}
	return listener{ln}
}

// Client returns c as the client's end of a connection, on which a reply with an ambiguous length is malformed.
func Client(c net.Conn) net.Conn {
	return &clientConn{conn: conn{Conn: c, scan: scanner{reply: true}}}
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	sc := &conn{Conn: c}
	sc.head.Store(true)
	return sc, nil
}

type conn struct {
	net.Conn
	scan scanner
	head atomic.Bool // a head is due or half read
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.head.Load() && c.scan.spoil(p[:n]) {
		c.head.Store(false)
	}
	return n, err
}

// ReadFrom keeps the kernel's short cuts (sendfile, splice) of the connection below.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite lets the server end a reply, to a client that goes on sending, before it ends the connection.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

type clientConn struct{ conn }

// Write expects a head again: what a client writes after the last reply is a new request.
func (c *clientConn) Write(p []byte) (int, error) {
	c.head.Store(true)
	return c.conn.Conn.Write(p)
}

func (c *clientConn) ReadFrom(r io.Reader) (int64, error) {
	c.head.Store(true)
	return c.conn.ReadFrom(r)
}

// scanner follows the lines of a head across reads.
type scanner struct {
	reply           bool // a head begins with HTTP/1.x and may be an interim one
	started         bool // the first line is behind us
	interim         bool
	length, chunked bool
	line            [20]byte // how the current line begins
	n               int      // bytes of the line seen, at most len(line)
}

var (
	lengthName  = []byte("content-length:")
	chunkedName = []byte("transfer-encoding:")
	replyStart  = []byte("http/1.")
)

// spoil reads on in the head and reports whether it ended. Where the second of the two headers begins it overwrites
// the last byte of the name, so that the parser behind finds a malformed line.
func (s *scanner) spoil(p []byte) (done bool) {
	for len(p) > 0 {
		eol := bytes.IndexByte(p, '\n')
		text := p
		if eol >= 0 {
			text = p[:eol]
		}
		before := s.n
		s.n += copy(s.line[s.n:], text)
		if s.started {
			s.spoilName(text, before)
		}
		if eol < 0 {
			return false
		}
		p = p[eol+1:]
		if s.endLine() {
			if !s.interim {
				*s = scanner{reply: s.reply}
				return true
			}
			*s = scanner{reply: s.reply}
		}
	}
	return false
}

func (s *scanner) spoilName(text []byte, before int) {
	for _, h := range []struct {
		name        []byte
		seen, other *bool
	}{{lengthName, &s.length, &s.chunked}, {chunkedName, &s.chunked, &s.length}} {
		colon := len(h.name) - 1
		if before > colon || s.n <= colon || !bytes.EqualFold(s.line[:colon+1], h.name) {
			continue
		}
		*h.seen = true
		if *h.other {
			text[colon-before] = ' '
		}
	}
}

// endLine reports whether the line was the last of the head, or no head at all.
func (s *scanner) endLine() bool {
	line := bytes.TrimSuffix(s.line[:s.n], []byte("\r"))
	s.n = 0
	switch {
	case s.started:
		return len(line) == 0
	case s.reply:
		if len(line) < 10 || !bytes.EqualFold(line[:len(replyStart)], replyStart) {
			s.interim = false
			return true
		}
		s.interim = line[9] == '1'
		s.started = true
	default:
		s.started = true
	}
	return false
}
