package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// overload measures how long somebody honest waits while a crowd does what it can, against nobody else being there.
func (b *bench) overload(g *gateway) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	idle := min(10_000, int(limit.Cur)-1000)
	watch := load{URL: g.url + "/api/users/me", Token: g.token, Requests: 600, Concurrency: 4, Every: 5 * time.Millisecond, Want: 200}
	large := `{"email":[` + strings.Repeat("{},", 300_000) + `0]}`
	login := url.Values{"username": {"nobody@example.com"}, "password": {"Wrong-Horse-42!"}}.Encode()
	fmt.Printf("\np99 of GET /api/users/me in ms, one run\n%-46s %8s %8s %8s %10s\n", "", "idle", "storm", "ratio", "memory MiB")
	for _, storm := range []struct {
		name  string
		crowd func(context.Context, *crowd) error
	}{
		{"300 clients log in, each once a second", g.asking(300, time.Second, "/api/auth/login", "application/x-www-form-urlencoded", func(int) string { return login })},
		{"300 clients register, each once a second", g.asking(300, time.Second, "/api/auth/register", "application/json", func(n int) string {
			return fmt.Sprintf(`{"email":"crowd-%d-%d@example.com","password":%q}`, n, time.Now().UnixNano(), password)
		})},
		{"16 clients send the largest bodies", g.asking(16, 0, "/api/auth/register", "application/json", func(int) string { return large })},
		{"2000 connections drip a header", g.dripping(2000, "GET /api/users/me HTTP/1.1\r\nHost: x\r\nX-Drip: ")},
		{"2000 connections drip a body", g.dripping(2000, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")},
		{fmt.Sprintf("%d connections are idle", idle), g.idling(idle)},
	} {
		calm, err := b.load(watch)
		if err != nil {
			return err
		}
		ctx, disperse := context.WithCancel(b.ctx)
		c := &crowd{}
		err = storm.crowd(ctx, c)
		var busy outcome
		if err == nil {
			busy, err = b.load(watch)
		}
		now, _, seen := g.resident()
		disperse()
		c.disperse()
		if err == nil {
			err = seen
		}
		if err != nil {
			return fmt.Errorf("%s: %w", storm.name, err)
		}
		fmt.Printf("%-46s %8.2f %8.2f %8.2f %10d\n", storm.name, float64(calm.P99)/1e6, float64(busy.P99)/1e6, float64(busy.P99)/float64(calm.P99), now>>20)
	}
	return nil
}

// crowd is what is there while somebody honest works.
type crowd struct {
	conns   []net.Conn
	members sync.WaitGroup
}

func (c *crowd) disperse() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.members.Wait()
}

// asking is n clients that send a request, read the answer, whatever it is, and wait before the next.
func (g *gateway) asking(n int, pause time.Duration, path, contentType string, body func(n int) string) func(context.Context, *crowd) error {
	return func(ctx context.Context, c *crowd) error {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
		for i := range n {
			c.members.Go(func() {
				for ctx.Err() == nil {
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, strings.NewReader(body(i)))
					if err != nil {
						return
					}
					req.Header.Set("Content-Type", contentType)
					if res, err := client.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						_ = res.Body.Close()
					}
					select {
					case <-time.After(pause):
					case <-ctx.Done():
					}
				}
			})
		}
		context.AfterFunc(ctx, client.CloseIdleConnections)
		return nil
	}
}

// dripping is n connections that begin with the text and send another byte each half second.
func (g *gateway) dripping(n int, begin string) func(context.Context, *crowd) error {
	return func(ctx context.Context, c *crowd) error {
		for range n {
			if err := c.dial(g, begin); err != nil {
				return err
			}
		}
		c.members.Go(func() {
			for ctx.Err() == nil {
				for _, conn := range c.conns {
					_, _ = conn.Write([]byte("x"))
				}
				select {
				case <-time.After(500 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
		return nil
	}
}

// idling is n connections that have had an answer and ask for nothing more.
func (g *gateway) idling(n int) func(context.Context, *crowd) error {
	return func(_ context.Context, c *crowd) error {
		for i := range n {
			if err := c.dial(g, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return err
			}
			res, err := http.ReadResponse(bufio.NewReaderSize(c.conns[i], 512), nil)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *crowd) dial(g *gateway, begin string) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		return err
	}
	c.conns = append(c.conns, conn)
	_, err = io.WriteString(conn, begin)
	return err
}
