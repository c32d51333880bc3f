package main_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// ledger says for each key which content it may have: one where that is certain, more after answers that got lost.
type ledger struct {
	may  map[string][]string
	past map[string][]string // while it is recorded: all contents that each key may have had meanwhile

	acknowledged, refused int // changes
}

func newLedger() *ledger { return &ledger{may: map[string][]string{}} }

// record begins to keep what each key may have at any moment from now on.
func (l *ledger) record() { l.past = maps.Clone(l.may) }

// at returns the ledger of some moment since the record began, and ends the record.
func (l *ledger) at() *ledger {
	some := &ledger{may: l.past}
	l.past = nil
	return some
}

// absent is in place of a content: there is none.
const absent = ""

// errLost is in the error of a call that got no answer.
var errLost = errors.New("no answer")

// doubt says that a key may have the content, too, from now on.
func (l *ledger) doubt(key, content string) {
	for _, of := range []map[string][]string{l.may, l.past} {
		if of == nil {
			continue
		}
		before := of[key]
		if before == nil {
			before = []string{absent}
		}
		of[key] = append(slices.Clone(before), content)
	}
}

// change sends what gives a key another content, and notes what came of it.
func (l *ledger) change(key, content string, send func() (status int, reply string, err error)) error {
	l.doubt(key, content)
	may := l.may[key]
	status, reply, err := send()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w: %w", key, errLost, err)
	case status == http.StatusServiceUnavailable: // as things are while the database is away; it may have been done
		l.refused++
		return nil
	case status == http.StatusNotFound && content == absent && slices.Contains(may[:len(may)-1], absent):
	case status >= http.StatusBadRequest:
		return fmt.Errorf("%s: %d %s, where there was %.120q", key, status, reply, may)
	}
	l.may[key] = []string{content}
	l.acknowledged++
	return nil
}

// found fails unless the key may have the content, which is the certain one from then on.
func (l *ledger) found(key, content string) error {
	if !slices.Contains(l.may[key], content) {
		return fmt.Errorf("%s has the content %.40q, and none of %.120q", key, content, l.may[key])
	}
	l.may[key] = []string{content}
	return nil
}

// certain tells whether a key has a content, and no other one.
func (l *ledger) certain(key string) bool { return len(l.may[key]) == 1 && l.may[key][0] != absent }

// resident is somebody who works in a workspace, on things that nobody else touches.
type resident struct {
	*ledger
	name  string
	id    string
	token string
	ids   map[string]string // of what is in the ledger and has one
	made  int
}

const residents = 3

// workspace is all that residents do, seen by an administrator.
type workspace struct {
	admin string
	all   []*resident
}

func openWorkspace(t testing.TB, g *gateway) *workspace {
	t.Helper()
	w := &workspace{admin: g.SignIn(t, gatewaytest.Admin, testkit.Password)}
	for i := range residents {
		r := &resident{ledger: newLedger(), name: fmt.Sprintf("resident-%d", i), ids: map[string]string{}}
		g.register(t, r.name+"@example.com")
		r.token = g.SignIn(t, r.name+"@example.com", testkit.Password)
		r.id = decode[struct{ ID string }](t, g.get(t, r.token, "/api/users/me").Body).ID
		w.all = append(w.all, r)
	}
	w.all[0].may["limit"], w.all[1].may["mode"] = []string{"20"}, []string{"system"} // as they are at the beginning
	require.NoError(t, w.look(g), "what there is before anybody has done anything")
	return w
}

// work has everybody work, until the function that is returned is called. A gateway that is gone ends it too.
func (w *workspace) work(t testing.TB, g *gateway) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all errgroup.Group
	for _, r := range w.all {
		all.Go(func() error {
			for ctx.Err() == nil {
				if err := r.step(g, w.admin); errors.Is(err, errLost) {
					return nil
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return func() {
		cancel()
		require.NoError(t, all.Wait())
	}
}

// record begins to keep what everything may be at any moment from now on, at returns the workspace of some moment since.
func (w *workspace) record() {
	for _, r := range w.all {
		r.record()
	}
}

func (w *workspace) at() *workspace {
	some := &workspace{admin: w.admin}
	for _, r := range w.all {
		then := *r
		then.ledger, then.ids = r.at(), map[string]string{}
		some.all = append(some.all, &then)
	}
	return some
}

// forget begins to count anew.
func (w *workspace) forget() {
	for _, r := range w.all {
		r.acknowledged, r.refused = 0, 0
	}
}

// facts is how much is certain to be there.
func (w *workspace) facts() (count int) {
	for _, r := range w.all {
		for key := range r.may {
			if r.certain(key) {
				count++
			}
		}
	}
	return count
}

// look holds everything there is against the ledgers, in both directions.
func (w *workspace) look(g *gateway) error {
	shown, err := w.shown(g)
	if err != nil {
		return err
	}
	for _, r := range w.all {
		for key := range r.may {
			if err := r.found(key, shown[key].content); err != nil {
				return err
			}
			r.ids[key] = shown[key].id
		}
		maps.DeleteFunc(shown, func(key string, _ fact) bool { _, known := r.may[key]; return known })
		maps.DeleteFunc(r.may, func(key string, may []string) bool { return may[0] == absent })
	}
	for key, f := range shown {
		return fmt.Errorf("%s has the content %.40q, and is in no ledger", key, f.content)
	}
	return nil
}

func (w *workspace) check(t testing.TB, g *gateway) {
	t.Helper()
	require.NoError(t, w.look(g))
}

// Whatever is acknowledged is there after a gateway was killed, what was deleted stays so, and nothing is there by half.
func TestKilledGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}))
		g := p.serve(t)
		w := openWorkspace(t, g)
		for range *kills {
			stop := w.work(t, g)
			time.Sleep(rand.N(time.Second)) // any moment is a good one
			g.kill(t)
			stop()
			g = p.serve(t)
			w.check(t, g)
		}
		t.Logf("%d facts after %d kills", w.facts(), *kills)
		require.Positive(t, w.facts())
		require.Equal(t, 0, g.stop(t))
		requireSound(t, d)
	})
}

// requireSound has the database look at itself.
func requireSound(t testing.TB, d testkit.Database) {
	t.Helper()
	if d.Name != "sqlite" {
		return
	}
	var said, orphans []string
	db := d.Open(t)
	require.NoError(t, db.Raw("PRAGMA integrity_check").Scan(&said).Error)
	require.Equal(t, []string{"ok"}, said)
	require.NoError(t, db.Raw(`SELECT "table" FROM pragma_foreign_key_check`).Scan(&orphans).Error)
	require.Empty(t, orphans)
}

// Whatever is acknowledged is there after PostgreSQL was killed and started again, under a gateway that goes on.
func TestKilledPostgresLosesNothing(t *testing.T) {
	t.Parallel()
	server := testkit.NewServer(t)
	d := server.Database(t)
	p := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}))
	g := p.serve(t)
	w := openWorkspace(t, g)
	for range *kills {
		stop := w.work(t, g)
		time.Sleep(rand.N(time.Second)) // any moment is a good one
		server.Kill(t)
		server.Start(t)
		require.Eventually(t, func() bool { return g.get(t, "", "/health/ready").Status == http.StatusOK }, patience, 20*time.Millisecond)
		stop()
		w.settle(t, g)
	}
	t.Logf("%d facts after %d kills", w.facts(), *kills)
	require.Equal(t, 0, g.stop(t))
	w.check(t, p.serve(t))
}

// settle checks when nobody waits for the database any more.
func (w *workspace) settle(t testing.TB, g *gateway) {
	t.Helper()
	var problem error
	require.Eventually(t, func() bool {
		problem = w.look(g)
		return problem == nil || !strings.Contains(problem.Error(), ": 503 ")
	}, patience, 20*time.Millisecond)
	require.NoError(t, problem)
}
