package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

var kills = flag.Int("kills", 5, "how often a gateway, or its database, is killed at work, on each database")

const (
	keptObjects = 800 // that nobody touches
	people      = 5   // who work meanwhile
	ownObjects  = 40  // of each of them
	opEvery     = 100 * time.Millisecond
)

// look reads a key.
func (l *ledger) look(g *gateway, key string) error {
	status, content, err := g.objects(http.MethodGet, "/"+key, nil, nil)
	switch {
	case err != nil:
		return fmt.Errorf("GET %s: %w: %w", key, errLost, err)
	case status == http.StatusNotFound:
		content = absent
	case status != http.StatusOK:
		return fmt.Errorf("GET %s: %d %s", key, status, content)
	}
	return l.found(key, content)
}

// put writes or deletes a key.
func (l *ledger) put(g *gateway, key, content string) error {
	method, header := http.MethodPut, http.Header{"X-Content-Sha256": {digest(content)}}
	if content == absent {
		method, header = http.MethodDelete, nil
	}
	return l.change(key, content, func() (int, string, error) { return g.objects(method, "/"+key, strings.NewReader(content), header) })
}

// work writes, overwrites, deletes and reads until ctx ends or the gateway is gone.
func (l *ledger) work(ctx context.Context, g *gateway) error {
	keys := make([]string, 0, len(l.may))
	for key := range l.may {
		keys = append(keys, key)
	}
	ticker := time.NewTicker(opEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		key, content := keys[rand.IntN(len(keys))], absent
		if rand.IntN(3) > 0 {
			content = key + " " + uuid.NewString()
		}
		err := l.put(g, key, content)
		if err == nil {
			err = l.look(g, keys[rand.IntN(len(keys))])
		}
		if errors.Is(err, errLost) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// office is the whole of the objects.
type office struct {
	kept *ledger
	own  [people]*ledger
}

func (o *office) ledgers() []*ledger { return append(o.own[:], o.kept) }

// openOffice fills a gateway.
func openOffice(t testing.TB, g *gateway, kept int) *office {
	t.Helper()
	o := &office{kept: newLedger()}
	for i := range kept {
		o.kept.may[fmt.Sprintf("kept/%d/%d", i%20, i)] = nil
	}
	for i := range o.own {
		o.own[i] = newLedger()
		for j := range ownObjects {
			o.own[i].may[fmt.Sprintf("person-%d/%d", i, j)] = nil
		}
	}
	var all errgroup.Group
	for _, l := range o.ledgers() {
		all.Go(func() error {
			for key := range l.may {
				if err := l.put(g, key, key+" "+uuid.NewString()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	return o
}

// record begins to keep what each object may be at any moment from now on, at returns the office of some moment since.
func (o *office) record() {
	for _, l := range o.ledgers() {
		l.record()
	}
}

func (o *office) at() *office {
	some := &office{kept: o.kept.at()}
	for i, l := range o.own {
		some.own[i] = l.at()
	}
	return some
}

// work has everybody work, until the function that is returned is called.
func (o *office) work(t testing.TB, g *gateway) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all errgroup.Group
	for _, l := range o.own {
		all.Go(func() error { return l.work(ctx, g) })
	}
	return func() {
		cancel()
		require.NoError(t, all.Wait())
	}
}

// check holds every object against the ledgers, and that there are no others.
func (o *office) check(t testing.TB, g *gateway) {
	t.Helper()
	var all errgroup.Group
	for _, l := range o.ledgers() {
		all.Go(func() error {
			for key := range l.may {
				if err := l.look(g, key); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	var want []string
	for _, l := range o.ledgers() {
		for key, contents := range l.may {
			if contents[0] != absent {
				want = append(want, key)
			}
		}
	}
	require.ElementsMatch(t, want, g.keys(t))
}

// keys are the keys of all objects.
func (g *gateway) keys(t testing.TB) (keys []string) {
	t.Helper()
	for after := ""; ; {
		status, text, err := g.objects(http.MethodGet, "?after="+after, nil, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, text)
		listed := decode[struct {
			Objects []struct{ Key string }
			Next    *string
		}](t, text)
		for _, o := range listed.Objects {
			if !strings.HasPrefix(o.Key, "doc-service/") { // those are seen as documents
				keys = append(keys, o.Key)
			}
		}
		if listed.Next == nil {
			return keys
		}
		after = *listed.Next
	}
}

const migratePath = "/api/admin/storage-config/migrate"

// move begins a migration.
func (g *gateway) move(t testing.TB, token string, target map[string]any) {
	t.Helper()
	body, err := json.Marshal(target)
	require.NoError(t, err)
	r := g.Call(t, testkit.Request{Method: http.MethodPost, Path: migratePath, Token: token, Body: string(body)})
	require.Equal(t, http.StatusAccepted, r.Status, r.Body)
}

// moved waits for the end of a migration.
func (g *gateway) moved(t testing.TB, token string) {
	t.Helper()
	require.Eventually(t, func() bool { _, ended := g.state(t, token); return ended }, patience, 50*time.Millisecond)
}

// state is that of the latest migration.
func (g *gateway) state(t testing.TB, token string) (state string, ended bool) {
	t.Helper()
	r := g.get(t, token, migratePath+"/status")
	require.Equal(t, http.StatusOK, r.Status, r.Body)
	s := decode[struct {
		State      string
		FinishedAt *string `json:"finished_at"`
		Errors     []struct{ Stage string }
	}](t, r.Body)
	require.Contains(t, []string{"idle", "copying", "verifying", "switching", "cleaning", "completed"}, s.State, r.Body)
	for _, e := range s.Errors {
		require.Equal(t, "clean", e.Stage, r.Body) // what the killed ones were about to remove is removed later
	}
	return s.State, s.State == "idle" || s.FinishedAt != nil
}

// A gateway may be killed at any moment of a migration: what was acknowledged is there, what was deleted stays deleted,
// and the next one to start goes on with it.
func TestKilledWhileFilesAreMoved(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		bucket := testkit.NewS3(t)
		p := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}))
		g := p.serve(t)
		token := g.SignIn(t, gatewaytest.Admin, testkit.Password)
		o := openOffice(t, g, keptObjects)
		moves := 0
		begin := func() {
			if _, ended := g.state(t, token); !ended {
				return
			}
			g.move(t, token, []map[string]any{
				{"backend": "local", "config": map[string]any{"root": "other"}},
				{"backend": "s3", "config": bucket.Config("files")},
				{"backend": "local", "config": map[string]any{"root": "objects"}},
			}[moves%3])
			moves++
		}
		killed := map[string]int{}
		for round := range *kills {
			begin()
			stop := o.work(t, g)
			if round%4 > 0 { // else while nobody has taken it up
				require.Eventually(t, func() bool { return strings.Contains(g.err.String(), `"taken":true`) }, patience, time.Millisecond)
			}
			time.Sleep(rand.N(2500 * time.Millisecond)) // any moment is a good one
			state, _ := g.state(t, token)
			killed[state]++
			g.kill(t)
			stop()
			g = p.serve(t)
			o.check(t, g)
		}
		t.Log("killed while", killed, "in", moves, "migrations")
		if *kills >= 100 {
			require.Greater(t, moves, *kills/20, "it gets on between the kills")
			for _, state := range []string{"copying", "verifying", "cleaning"} {
				require.NotZero(t, killed[state], state)
			}
		}
		begin()
		stop := o.work(t, g)
		g.moved(t, token)
		stop()
		o.check(t, g)
		require.Equal(t, 0, g.stop(t))
		p.succeeds(t, "storage", "verify")
	})
}
