package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

const (
	starts    = 20              // of each program on the data that a first start has made
	walk      = 1000            // signed-in requests for one's own account
	idle      = 5 * time.Second // after which memory is read
	startWait = time.Minute
)

// contender is a program that is started again and again.
type contender struct {
	name, program string
	health        string                                           // the path that answers 200 once it is ready
	command       func(dir, addr string) *exec.Cmd                 // on the data in dir, listening on addr
	prepare       func(dir string) error                           // makes the account, once
	signIn        func(url string) (path, token string, err error) // path is the account's own
	figures       map[string][]float64
}

// The figures of a contender: milliseconds and millions of bytes.
const (
	firstStart = "first start, empty folder, ms"
	laterStart = "start to ready, ms"
	idleAll    = "idle 5 s, MB"
	idleAnon   = "  of its own (RssAnon)"
	usedAll    = "5 s after 1000 requests, MB"
	usedAnon   = "  of its own (RssAnon) "
	binarySize = "binary, MB"
)

// startup compares starts and idle memory with those of PocketBase, which is also one binary with SQLite inside.
func (b *bench) startup() error {
	list := []*contender{b.itself()}
	if program, err := b.buildPocketBase(); err != nil {
		fmt.Println("no PocketBase:", err)
	} else {
		list = append(list, pocketBase(program))
	}
	for _, c := range list {
		info, err := os.Stat(c.program)
		if err != nil {
			return err
		}
		c.figures = map[string][]float64{binarySize: {float64(info.Size()) / 1e6}}
	}
	for round := range max(b.rounds, 1) {
		for _, c := range list {
			if err := b.started(c, c.data(b, round), firstStart, false); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for _, c := range list {
		if err := c.prepare(c.data(b, 0)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range starts {
		for _, c := range list {
			if err := b.started(c, c.data(b, 0), laterStart, round < b.rounds); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	report(list)
	return nil
}

func (c *contender) data(b *bench, round int) string {
	return filepath.Join(b.dir, fmt.Sprintf("%s-%d", c.name, round))
}

func (c *contender) add(figure string, value float64) {
	c.figures[figure] = append(c.figures[figure], value)
}

// started starts the contender, and stops it again when it was ready and, where that is wanted, its memory has been read.
func (b *bench) started(c *contender, dir, figure string, memory bool) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	p := &child{cmd: c.command(dir, addr)}
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	defer p.stop()
	url := "http://" + addr
	if err := b.untilReady(url + c.health); err != nil {
		return err
	}
	c.add(figure, float64(time.Since(begun).Microseconds())/1000)
	if !memory {
		return nil
	}
	if err := b.memoryOf(c, p, idleAll, idleAnon); err != nil {
		return err
	}
	path, token, err := c.signIn(url)
	if err != nil {
		return err
	}
	if _, err := b.load(load{URL: url + path, Token: token, Requests: walk, Concurrency: 4, Want: http.StatusOK}); err != nil {
		return err
	}
	return b.memoryOf(c, p, usedAll, usedAnon)
}

func (b *bench) untilReady(url string) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for end := time.Now().Add(startWait); time.Now().Before(end); {
		if res, err := client.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := b.wait(2 * time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("it does not become ready")
}

func (b *bench) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

func (b *bench) memoryOf(c *contender, p *child, all, anon string) error {
	if err := b.wait(idle); err != nil {
		return err
	}
	now, err := p.memory()
	if err != nil {
		return err
	}
	c.add(all, float64(now["VmRSS"])/1e6)
	c.add(anon, float64(now["RssAnon"])/1e6)
	return nil
}

// freeAddr is an address that nobody listens on at the moment.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// itself is portico as it comes, with its document service and the internal door.
func (b *bench) itself() *contender {
	return &contender{
		name: "portico", program: b.binary, health: "/health/ready",
		command: func(dir, addr string) *exec.Cmd {
			cmd := exec.Command(b.binary)
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "PORTICO_DATA_DIR=" + dir, "PORTICO_LISTEN=" + addr, "PORTICO_INTERNAL_LISTEN=127.0.0.1:0",
				"PORTICO_ADMIN_EMAIL=" + email, "PORTICO_ADMIN_PASSWORD=" + password,
			}
			return cmd
		},
		prepare: func(string) error { return nil }, // the first start has made it
		signIn: func(url string) (path, token string, err error) {
			g := gateway{url: url}
			token, err = g.tokenOf(email)
			return "/api/users/me", token, err
		},
	}
}

// report prints the least, the median and the most of each figure, and how the medians compare.
func report(list []*contender) {
	fmt.Printf("\n%d starts of each in turns, %d with memory and first starts\n%-30s", starts, len(list[0].figures[idleAll]), "")
	for _, c := range list {
		fmt.Printf(" %28s", c.name)
	}
	fmt.Printf(" %8s\n%-30s", "ratio", "")
	for range list {
		fmt.Printf(" %9s %8s %9s", "least", "median", "most")
	}
	fmt.Println()
	for _, figure := range []string{laterStart, firstStart, idleAll, idleAnon, usedAll, usedAnon, binarySize} {
		fmt.Printf("%-30s", figure)
		for _, c := range list {
			values := c.figures[figure]
			fmt.Printf(" %9.1f %8.1f %9.1f", slices.Min(values), median(values), slices.Max(values))
		}
		if len(list) > 1 {
			fmt.Printf(" %8.2f", median(list[0].figures[figure])/median(list[1].figures[figure]))
		}
		fmt.Println()
	}
}
