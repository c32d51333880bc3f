package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// parked lets a feature service hang on to as many calls as it may have while somebody else goes on working.
func (b *bench) parked(g *gateway) error {
	watch := load{URL: g.url + "/api/users/me", Token: g.token, Requests: 1000, Concurrency: 4, Every: 5 * time.Millisecond, Want: 200}
	var callers []string // each has a share of 100
	for n := range 6 {
		token, err := g.signUp(fmt.Sprintf("parked-%d@example.com", n))
		if err != nil {
			return err
		}
		callers = append(callers, token)
	}
	var idle, busy []float64
	for range min(b.rounds, 3) {
		calm, err := b.load(watch)
		if err != nil {
			return err
		}
		release, err := b.park(g, callers)
		if err != nil {
			return err
		}
		work, err := b.load(watch)
		release()
		if err != nil {
			return err
		}
		idle, busy = append(idle, float64(calm.P99)), append(busy, float64(work.P99))
	}
	fmt.Printf("\n500 calls parked at a hanging service: p99 of GET /api/users/me %.2f ms, idle %.2f ms (ratio %.2f); the next call gets 503\n",
		median(busy)/1e6, median(idle)/1e6, median(busy)/median(idle))
	return nil
}

// park opens calls until the gateway refuses another one.
func (b *bench) park(g *gateway, callers []string) (release func(), err error) {
	ctx, cancel := context.WithCancel(b.ctx)
	client := &http.Client{Transport: &http.Transport{}}
	var calls sync.WaitGroup
	release = func() { cancel(); calls.Wait(); client.CloseIdleConnections() }
	refused := make(chan int, 1)
	const share = 100
	most := share * len(callers)
	for n := range most {
		select {
		case status := <-refused:
			if status != http.StatusServiceUnavailable {
				release()
				return nil, fmt.Errorf("a parked call is answered %d", status)
			}
			return release, nil
		case <-time.After(2 * time.Millisecond):
		}
		calls.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/api/documents/hang", nil)
			if err != nil {
				return
			}
			req.Header.Set("Authorization", "Bearer "+callers[n/share])
			res, err := client.Do(req)
			if err != nil {
				return
			}
			_ = res.Body.Close()
			select {
			case refused <- res.StatusCode:
			default:
			}
		})
	}
	release()
	return nil, fmt.Errorf("%d parked calls and none is refused", most)
}
