package testkit

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUpstreamNotesDownWhatItGot(t *testing.T) {
	up := NewUpstream(t, func(x *Exchange) { x.Reply(201, "done", "X-One: 1") })
	res, err := http.Post(up.URL+"/a%20b?q", "text/plain", io.MultiReader(strings.NewReader("hello")))
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 201, res.StatusCode)
	require.Equal(t, "done", string(body))
	require.Equal(t, "1", res.Header.Get("X-One"))

	got := up.Next(t)
	require.Equal(t, "POST /a%20b?q HTTP/1.1", got.Line)
	require.Equal(t, []string{"text/plain"}, got.Values("Content-Type"))
	require.Empty(t, got.Values("content-type"))
	require.Equal(t, "text/plain", got.Header("CONTENT-TYPE"))
	require.Equal(t, Body{5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", true}, got.Body)
	up.None(t)
}

func TestUpstreamTellsBrokenBodiesApart(t *testing.T) {
	up := NewUpstream(t, func(x *Exchange) { x.ReadBody() })
	for text, whole := range map[string]bool{
		"Content-Length: 5\r\n\r\nhello":                            true,
		"Content-Length: 6\r\n\r\nhello":                            false,
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n": true,
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n":     false,
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n":          false,
		"Host: x\r\n\r\n": true,
	} {
		c, err := net.Dial("tcp", up.ln.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(c, "POST / HTTP/1.1\r\n"+text)
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		require.Equal(t, whole, up.Next(t).Body.Complete, text)
		c.Close()
	}
}

func TestUpstreamMisbehaves(t *testing.T) {
	get := func(t *testing.T, answer func(*Exchange)) (string, error) {
		res, err := http.Get(NewUpstream(t, answer).URL)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	_, err := get(t, func(x *Exchange) { x.Reset() })
	require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), err)
	_, err = get(t, func(x *Exchange) { x.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); x.Finish() })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	body, err := get(t, func(x *Exchange) {
		x.Drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", time.Microsecond)
		x.Chunk("a")
		x.Chunk("")
	})
	require.NoError(t, err)
	require.Equal(t, "a", body)
}

func TestUpstreamNoticesThatTheOtherSideLeft(t *testing.T) {
	left := make(chan bool, 1)
	up := NewUpstream(t, func(x *Exchange) { left <- x.Hang() })
	c, err := net.Dial("tcp", up.ln.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
	require.NoError(t, err)
	c.Close()
	require.True(t, <-left)
}
