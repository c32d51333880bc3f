// Bench measures the gateway against a bare reverse proxy and PocketBase, in one run on one machine: go run ./bench
//
// Servers and load are processes of their own, so that the CPU time of a server is its own; what is compared takes
// turns, and medians are printed. It needs Linux (/proc) and the Go tool, and PostgreSQL's binaries for the rows that
// speak of it; PocketBase comes through the Go module proxy. It listens on loopback only.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// timeLimit bounds the whole run.
const timeLimit = 12 * time.Minute

// storageLimit bounds a run that moves many gigabytes.
const storageLimit = 40 * time.Minute

func main() {
	os.Exit(run())
}

func run() int {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			return result(role(os.Args[2:]))
		}
	}
	rounds := flag.Int("rounds", 5, "how often each measurement is repeated; the median is printed")
	only := flag.String("only", "", "one of start, requests, streams, memory, events, logins, overload, parked, people, settings, storage; empty: all of them")
	small := flag.Bool("small", false, "move few files; so it is too where all is measured")
	gateway := flag.String("gateway", "", "the portico binary to measure; empty: built from ./cmd/portico")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	limit := timeLimit
	if *only == "storage" && !*small {
		limit = storageLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "portico-bench-")
	if err != nil {
		return result(err)
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, dir: dir, rounds: *rounds, binary: *gateway, only: *only, small: *small || *only != "storage"}
	defer b.stop()
	return result(b.all())
}

func result(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// roles are what a child process can be.
var roles = map[string]func(args []string) error{
	"upstream": serveUpstream,
	"bare":     serveBare,
	"load":     generateLoad,
	"events":   watchEvents,
	"hash":     hashAlone,
	"copy":     copyPlainly,
}

type bench struct {
	ctx      context.Context
	dir      string
	rounds   int
	binary   string
	only     string
	small    bool
	children []*child

	serverLog string // of PostgreSQL
	cleanup   []func()
}

func (b *bench) stop() {
	for _, c := range b.children {
		c.stop()
	}
	for _, f := range b.cleanup {
		f()
	}
}

func (b *bench) all() error {
	if b.binary == "" {
		fmt.Println("building the release")
		if err := b.build(); err != nil {
			return err
		}
	}
	if b.only == "" || b.only == "start" {
		if err := b.startup(); err != nil { // while nothing else runs
			return err
		}
	}
	if b.only == "start" {
		return nil
	}
	upstream, err := b.server("upstream")
	if err != nil {
		return err
	}
	bare, err := b.server("bare", upstream.addr)
	if err != nil {
		return err
	}
	sqlite, err := b.gateway("sqlite", "", upstream.addr)
	if err != nil {
		return fmt.Errorf("gateway on SQLite: %w", err)
	}
	var postgres *gateway
	url, err := b.postgres()
	if err != nil {
		fmt.Println("no PostgreSQL:", err)
	} else if postgres, err = b.gateway("postgres", url, upstream.addr); err != nil {
		return fmt.Errorf("gateway on PostgreSQL: %w", err)
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"requests", func() error { return b.requests(bare, sqlite, postgres) }},
		{"streams", func() error { return b.streams(bare, sqlite) }},
		{"memory", func() error { return b.memory(sqlite) }},
		{"events", func() error { return b.events(sqlite) }},
		{"logins", func() error { return b.loginStorm(sqlite) }},
		{"overload", func() error { return b.overload(sqlite) }},
		{"parked", func() error { return b.parked(sqlite) }},
		{"people", func() error { return b.people(postgres, url) }},
		{"settings", func() error { return b.settings(postgres, url, upstream.addr) }},
		{"storage", func() error { return b.storage(b.small, upstream.addr) }},
	} {
		if b.only != "" && b.only != step.name {
			continue
		}
		if err := step.run(); err != nil {
			return err
		}
	}
	return nil
}
