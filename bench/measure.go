package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// subject is one server under one kind of load.
type subject struct {
	name string
	on   *child
	load load
	cpu  []float64 // microseconds for each request
	rate []float64 // requests a second
}

// takeTurns measures the subjects one after the other, again and again, after one round that warms them up.
func (b *bench) takeTurns(subjects []*subject) error {
	for round := range b.rounds + 1 {
		for _, s := range subjects {
			before, err := s.on.cpu()
			if err != nil {
				return err
			}
			o, err := b.load(s.load)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			after, err := s.on.cpu()
			if err != nil {
				return err
			}
			if round > 0 {
				s.cpu = append(s.cpu, float64((after-before).Microseconds())/float64(s.load.Requests))
				s.rate = append(s.rate, float64(s.load.Requests)/o.Seconds)
			}
		}
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func (b *bench) requests(bare *child, sqlite, postgres *gateway) error {
	const many, at = 15_000, 16
	subjects := []*subject{
		{name: "bare httputil.ReverseProxy", on: bare, load: load{URL: "http://" + bare.addr + "/documents?size=300"}},
		{name: "document proxy, signed in", on: sqlite.child, load: load{URL: sqlite.url + "/api/documents?size=300"}},
		{name: "GET /api/users/me, SQLite", on: sqlite.child, load: load{URL: sqlite.url + "/api/users/me"}},
	}
	if postgres != nil {
		subjects = append(subjects,
			&subject{name: "GET /api/users/me, PostgreSQL", on: postgres.child, load: load{URL: postgres.url + "/api/users/me", Token: postgres.token}})
	}
	for _, s := range subjects {
		s.load.Requests, s.load.Concurrency, s.load.Want = many, at, 200
		if s.load.Token == "" {
			s.load.Token = sqlite.token
		}
	}
	if err := b.takeTurns(subjects); err != nil {
		return err
	}
	fmt.Printf("\n%d cores; medians of %d rounds of %d requests, %d at a time; every request is logged\n", runtime.NumCPU(), b.rounds, many, at)
	fmt.Printf("%-32s %12s %8s %12s\n", "", "CPU us/req", "ratio", "requests/s")
	for _, s := range subjects {
		fmt.Printf("%-32s %12.1f %8.2f %12.0f\n", s.name, median(s.cpu), median(s.cpu)/median(subjects[0].cpu), median(s.rate))
	}
	return nil
}

func (b *bench) streams(bare *child, g *gateway) error {
	const size, many, at = 10 << 20, 80, 4
	base := load{Token: g.token, Requests: many, Concurrency: at, Want: 200}
	var subjects []*subject
	for _, way := range []string{"down", "up"} {
		for _, s := range []struct {
			name, url string
			on        *child
		}{{"bare", "http://" + bare.addr + "/documents", bare}, {"document proxy", g.url + "/api/documents", g.child}} {
			l := base
			l.URL = s.url
			if way == "down" {
				l.URL += fmt.Sprintf("?size=%d", size)
			} else {
				l.Upload = size
			}
			subjects = append(subjects, &subject{name: "10 MiB " + way + ", " + s.name, on: s.on, load: l})
		}
	}
	if err := b.takeTurns(subjects); err != nil {
		return err
	}
	fmt.Printf("\n%-32s %12s %8s\n", "", "CPU ms", "MB/s")
	for _, s := range subjects {
		fmt.Printf("%-32s %12.2f %8.0f\n", s.name, median(s.cpu)/1000, median(s.rate)*size/1e6)
	}
	return nil
}

func (b *bench) memory(g *gateway) error {
	const upload = 20 << 20 // the largest that the default settings allow
	fmt.Println()
	for _, l := range []load{
		{URL: fmt.Sprintf("%s/api/documents?size=%d", g.url, 1<<30), Requests: 1},
		{URL: g.url + "/api/documents", Requests: 1<<30/upload + 1, Upload: upload},
	} {
		l.Token, l.Concurrency, l.Want = g.token, 1, 200
		before, _, err := g.resident()
		if err != nil {
			return err
		}
		if _, err := b.load(l); err != nil {
			return err
		}
		_, peak, err := g.resident()
		if err != nil {
			return err
		}
		way := "down"
		if l.Upload > 0 {
			way = "up, 20 MiB at a time"
		}
		fmt.Printf("1 GiB %s: memory %d MiB before, at most %d MiB since the start\n", way, before>>20, peak>>20)
	}
	return nil
}

func (b *bench) events(g *gateway) error {
	worst, err := call[int64](b, "events", g.url+"/api/documents/events", g.token)
	if err != nil {
		return err
	}
	fmt.Printf("\n100 events: the slowest took %.2f ms from service to client\n", float64(worst)/1e6)
	return nil
}

// loginStorm lets 50 wrong logins loose at once while somebody who is signed in goes on working.
func (b *bench) loginStorm(g *gateway) error {
	const logins = 50
	watch := load{URL: g.url + "/api/users/me", Token: g.token, Requests: 1000, Concurrency: 4, Every: 5 * time.Millisecond, Want: 200}
	storm := load{URL: g.url + "/api/auth/login", Login: email, Requests: logins, Concurrency: logins, Want: 401}
	var idle, busy, alone, during []float64
	var refused int64
	for range min(b.rounds, 3) {
		calm, err := b.load(watch)
		if err != nil {
			return err
		}
		rate, err := call[float64](b, "hash", "-n", "20")
		if err != nil {
			return err
		}
		type end struct {
			outcome
			err error
		}
		stormed := make(chan end, 1)
		go func() {
			o, err := b.try(storm)
			stormed <- end{o, err}
		}()
		work, err := b.load(watch)
		if err != nil {
			return err
		}
		o := <-stormed
		if o.err != nil {
			return o.err
		}
		idle, busy = append(idle, float64(calm.P99)), append(busy, float64(work.P99))
		alone, during = append(alone, rate), append(during, float64(logins-o.Failed)/o.Seconds)
		refused += o.Failed
	}
	fmt.Printf("\n50 wrong logins at once: p99 of GET /api/users/me %.2f ms, idle %.2f ms (ratio %.2f)\n",
		median(busy)/1e6, median(idle)/1e6, median(busy)/median(idle))
	fmt.Printf("hashes a second %.2f, the cores alone %.2f (%.0f %%)\n", median(during), median(alone), 100*median(during)/median(alone))
	if refused > 0 {
		fmt.Printf("%d logins were refused after their wait: hashes give way, and this machine is busy with something else\n", refused)
	}
	return nil
}
