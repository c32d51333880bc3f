package main_test

import (
	"flag"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

var terminations = flag.Int("terminations", 2, "how often all connections to PostgreSQL are ended under traffic, every two seconds")

// Whatever happens between two gateways and their PostgreSQL, traffic goes on as soon as it is over, nothing that was
// acknowledged is lost, and each gateway notices again at once what the other one changes.
func TestTrafficThroughDatabaseFaults(t *testing.T) {
	t.Parallel()
	server := testkit.NewServer(t)
	d := server.Database(t)
	relays := [2]*testkit.Relay{testkit.NewRelay(t, d.URL), testkit.NewRelay(t, d.URL)}
	var gateways [2]*gateway
	for i, relay := range relays {
		gateways[i] = in(t, on(testkit.Database{URL: relay.URL}).with(env{
			"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
		})).serve(t)
	}
	first, second := gateways[0], gateways[1]
	root := first.SignIn(t, gatewaytest.Admin, testkit.Password)
	ann, bob := first.Token(t, "ann@example.com"), first.Token(t, "bob@example.com")
	bobID := idIn(t, first.get(t, bob, "/api/users/me"))
	tr := newTraffic()
	t.Cleanup(func() { tr.end(); _ = tr.people.Wait() })
	tr.choose(first, root)
	tr.choose(second, ann)
	tr.gather(first, root)
	tr.signIn(second, "ann@example.com")
	tr.upload(t, second, ann)
	tr.goesOn(t)
	require.Zero(t, tr.unserved.Load())

	both := func(do func(*testkit.Relay)) { do(relays[0]); do(relays[1]) }
	for round, fault := range []struct {
		name   string
		strike func(t *testing.T)
	}{
		{"connections are ended every two seconds", func(t *testing.T) {
			beside := testkit.Database{URL: d.URL}.Open(t)
			ticker := time.NewTicker(2 * time.Second)
			defer ticker.Stop()
			for range *terminations {
				ended := terminate(t, beside)
				require.Positive(t, ended)
				before := tr.unserved.Load()
				<-ticker.C
				require.LessOrEqual(t, tr.unserved.Load()-before, int64(ended), "no more calls suffer than connections")
			}
			http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		}},
		{"the network is cut", func(t *testing.T) { both((*testkit.Relay).Cut) }},
		{"connections are refused", func(t *testing.T) {
			both((*testkit.Relay).Down)
			first.requireNotReady(t)
			second.requireNotReady(t)
			first.requireAlive(t)
			tr.suffers(t)
			both((*testkit.Relay).Up)
		}},
		{"the server is killed", func(t *testing.T) {
			server.Kill(t)
			first.requireNotReady(t)
			first.requireAlive(t)
			tr.suffers(t)
			server.Start(t)
		}},
		{"everything stalls", func(t *testing.T) {
			releases := [2]func(){relays[0].Stall(), relays[1].Stall()}
			second.requireNotReady(t)
			second.requireAlive(t)
			tr.suffers(t)
			releases[0]()
			releases[1]()
		}},
		{"one of them is cut off", func(t *testing.T) {
			me := as(bob, "GET", "/api/users/me", "")
			require.Equal(t, http.StatusOK, second.ask(me).Status)
			release := relays[1].Stall()
			r := first.Call(t, as(root, "PATCH", "/api/admin/users/"+bobID+"/active", `{"is_active":false}`))
			require.Equal(t, http.StatusOK, r.Status, r.Body)
			require.Eventually(t, func() bool { return second.ask(me).Status == http.StatusServiceUnavailable }, answerSoon, time.Millisecond)
			release()
			require.Eventually(t, func() bool {
				a := second.ask(me)
				require.NotEqual(t, http.StatusOK, a.Status, "what it remembered is over")
				return a.Status == http.StatusUnauthorized
			}, patience, time.Millisecond)
		}},
		{"a pooler passes no notifications", func(t *testing.T) {
			both(func(r *testkit.Relay) { r.Deafen(true) })
			requireFollows(t, root, ann, first, second)
			const limits = "/internal/settings/documents/limits"
			second.inside(t, limits)
			r := first.Call(t, as(root, "PATCH", "/api/settings/documents/limits", `{"max_pdf_mb":3}`))
			require.Equal(t, http.StatusOK, r.Status, r.Body)
			require.JSONEq(t, `{"max_pdf_mb":3}`, second.inside(t, limits), "whoever asks here remembers it for long enough")
			both(func(r *testkit.Relay) { r.Deafen(false) })
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			before := tr.unserved.Load()
			fault.strike(t)
			for _, g := range gateways {
				g.requireReady(t)
			}
			tr.goesOn(t)
			t.Logf("%d calls had a 503", tr.unserved.Load()-before)
			first.hearsAgain(t)
			second.hearsAgain(t)
			requireFollows(t, root, ann, gateways[round%2], gateways[1-round%2])
		})
		require.False(t, t.Failed())
	}
	tr.check(t, first, root, ann)
	for _, g := range gateways {
		require.NotContains(t, g.err.String(), `"status":500`)
		require.NotContains(t, g.err.String(), "panic")
	}
}

// terminate ends all other connections to the database, and says how many there were.
func terminate(t testing.TB, db *gorm.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Raw("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&n).Error)
	return n
}

// hearsAgain waits until the gateway hears of changes.
func (g *gateway) hearsAgain(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		log := g.err.String()
		return strings.Count(log, "are noticed late") == strings.Count(log, "are noticed at once")
	}, patience, 10*time.Millisecond)
}

// requireFollows changes at one gateway what people may do, and waits until it is so at the other one.
func requireFollows(t *testing.T, root, token string, one, other *gateway) {
	t.Helper()
	id := idIn(t, one.get(t, token, "/api/users/me"))
	contentType, body := form(t, pdf("Large", 1, 3<<19))
	upload := testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: root, Type: contentType, Body: body}
	follows := func(path, change string, seen func() bool) {
		r := one.Call(t, as(root, "PATCH", path, change))
		require.Equal(t, http.StatusOK, r.Status, r.Body)
		changed := time.Now()
		require.Eventually(t, seen, answerSoon, time.Millisecond, change)
		t.Logf("%s holds at the other gateway after %v", change, time.Since(changed))
	}
	follows("/api/settings/documents/limits", `{"max_pdf_mb":1}`, func() bool { return other.ask(upload).Status == http.StatusRequestEntityTooLarge })
	follows("/api/settings/documents/limits", `{"max_pdf_mb":2}`, func() bool { return other.ask(upload).Status == http.StatusAccepted })
	for _, name := range []string{`"full_name":"One"`, `"full_name":"Other"`} {
		follows("/api/admin/users/"+id, "{"+name+"}", func() bool { return strings.Contains(other.ask(as(token, "GET", "/api/users/me", "")).Body, name) })
	}
}
