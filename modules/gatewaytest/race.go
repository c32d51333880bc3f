package gatewaytest

import (
	"flag"
	"net/http"
	"sync"
	"testing"

	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// Wide is how many requests race each other.
const Wide = 100

// Rounds is how often each race is run. The flag is there in the tests of every package that imports this one.
var Rounds = flag.Int("rounds", 10, "how often each race is run")

// Replicas starts as many gateways as may share the database: one on SQLite, two on PostgreSQL.
func Replicas(t testing.TB, spec app.Spec, d testkit.Database, environ map[string]string) []*testkit.Gateway {
	t.Helper()
	replicas := []*testkit.Gateway{Start(t, spec, d, environ)}
	if d.Name == "postgres" {
		replicas = append(replicas, Start(t, spec, d, environ))
	}
	// A gateway that stops waits some seconds for a connection that was opened and never used.
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return replicas
}

// Rush sends requests at once, spread over the replicas, and counts the answers by status. A 5xx fails the test.
func Rush(t testing.TB, replicas []*testkit.Gateway, requests []testkit.Request) map[int]int {
	t.Helper()
	count := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, r := range requests {
		wg.Go(func() {
			<-start
			reply := replicas[i%len(replicas)].Call(t, r)
			if reply.Status >= 500 {
				t.Errorf("%s %s: %d %s", r.Method, r.Path, reply.Status, reply.Body)
			}
			mu.Lock()
			defer mu.Unlock()
			count[reply.Status]++
		})
	}
	close(start)
	wg.Wait()
	return count
}
