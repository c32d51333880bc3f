package specfuzz

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// patience bounds a request, from the first byte sent to the last one received.
const patience = 30 * time.Second

// Client sends requests one after the other over one connection, as they are: no library corrects them.
type Client struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

// NewClient makes a client of the server at the URL, http://host:port.
func NewClient(url string) *Client { return &Client{address: strings.TrimPrefix(url, "http://")} }

// Close closes the connection. The next request opens another one.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

var errSilent = errors.New("the connection ended before a reply had begun")

// Do sends a request and reads the whole of the reply.
func (c *Client) Do(r *Request) (*Reply, error) {
	for used := c.conn != nil; ; used = false {
		reply, err := c.try(r)
		if err != nil {
			c.Close()
			if used && errors.Is(err, errSilent) { // the server had let go of a connection that was idle
				continue
			}
		}
		return reply, err
	}
}

func (c *Client) try(r *Request) (*Reply, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return nil, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	_, sent := c.conn.Write(r.wire(c.address)) // the server may have answered and closed before it has seen all
	reply, again, err := c.read(r.Method)
	if err != nil && sent != nil {
		return nil, fmt.Errorf("%w, after %w", err, sent)
	}
	if sent != nil || !again || r.Declared > 0 {
		c.Close()
	}
	return reply, err
}

func (c *Client) read(method string) (reply *Reply, again bool, err error) {
	for {
		if _, err := c.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, false, fmt.Errorf("%w: %w", errSilent, err)
		}
		response, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			return nil, false, err
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, false, fmt.Errorf("the reply, %s, is cut: %w", response.Status, err)
		}
		if response.StatusCode < 200 {
			continue
		}
		return &Reply{response.StatusCode, response.Header, content}, !response.Close, nil
	}
}

// wire is the request as bytes.
func (r *Request) wire(host string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, host)
	for _, line := range r.lines() {
		out.WriteString(line + "\r\n")
	}
	switch {
	case r.Declared > 0:
		out.WriteString("\r\n")
	case r.Chunked:
		out.WriteString("\r\n")
		if len(r.Body) > 0 {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(r.Body), r.Body)
		}
		out.WriteString("0\r\n\r\n")
	case len(r.Body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch:
		fmt.Fprintf(&out, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	default:
		out.WriteString("\r\n")
	}
	return out.Bytes()
}
