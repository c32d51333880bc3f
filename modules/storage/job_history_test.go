package storage

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/testkit"
)

// histories is how many random histories are tried on each database.
var histories = flag.Int("histories", 8, "how many random histories of migrations are tried")

var historyKeys = []string{"a", "a/b", "a/b/c", "A", "ä ö", "~odd", ".hidden", "x.tmp", strings.Repeat("long", 60), "plain.txt"}

// deed is something that happens at a point of a migration.
type deed struct {
	Point  string
	Action string
	Key    string
}

func deeds() *rapid.Generator[deed] {
	return rapid.Custom(func(t *rapid.T) deed {
		d := deed{Point: rapid.SampledFrom(append(points, "writing", "writing")).Draw(t, "point")}
		actions := []string{"put", "put", "delete", "delete", "cancel", "crash", "again"}
		if d.Point == "frozen" || d.Point == "ready" { // writes wait there
			actions = actions[2:]
		}
		d.Action = rapid.SampledFrom(actions).Draw(t, "action")
		d.Key = rapid.SampledFrom(historyKeys).Draw(t, "key")
		return d
	})
}

// history is a site on which deeds happen.
type history struct {
	*site
	rt      *rapid.T
	model   map[string]string
	working *replica // whose engine runs

	mu   sync.Mutex // held while a deed happens
	left []deed

	crashed bool // what it was writing is swept much later
}

// Whatever is written, deleted, cancelled or killed in the midst of migrations: what was acknowledged is there, and
// nothing else.
func TestRandomHistories(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		checks := flag.Lookup("rapid.checks")
		before := checks.Value.String()
		require.NoError(t, checks.Value.Set(fmt.Sprint(*histories)))
		t.Cleanup(func() { _ = checks.Value.Set(before) })
		s := newSite(t, d)
		s.backends.wrap = nil
		rapid.Check(t, func(rt *rapid.T) {
			h := &history{site: s, rt: rt, model: map[string]string{}}
			h.clear()
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(historyKeys), 0, len(historyKeys), rapid.ID[string]).Draw(rt, "at first") {
				h.do(deed{Action: "put", Key: key})
			}
			for range rapid.IntRange(1, 3).Draw(rt, "migrations") {
				h.left = rapid.SliceOfN(deeds(), 0, 8).Draw(rt, "deeds")
				h.migrate()
			}
		})
	})
}

// clear begins anew: nothing is stored.
func (h *history) clear() {
	rows, _, err := h.objects.list(h.t.Context(), "", "", 1000)
	require.NoError(h.rt, err)
	for _, o := range rows {
		require.NoError(h.rt, h.objects.delete(h.t.Context(), o.Key))
	}
}

// migrate runs one migration, in the course of which the deeds happen.
func (h *history) migrate() {
	h.work()
	defer func() { h.stop(h.working) }()
	from, root := h.activeID(h.t), "place-"+uuid.NewString()[:8]
	h.crashed = false
	h.begun(h.t, h.local(root))
	end := h.ends(h.t)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch end.State {
	case stateCompleted:
		require.NotEqual(h.rt, from, h.activeID(h.t))
		require.Eventually(h.rt, func() bool {
			return h.crashed || slices.Equal(h.names(), files(h.t, filepath.Join(h.dir, root)))
		}, patience, 5*time.Millisecond, "what no row names stays behind")
	case stateCancelled:
		require.Equal(h.rt, from, h.activeID(h.t))
	default:
		require.Fail(h.rt, "it has failed", "%+v", end)
	}
	h.left = nil
	h.check()
	h.holdsExactly(h.t, h.model)
	var trash, uploads int64
	require.NoError(h.rt, h.db.Model(&Receipt{}).Where("backend_id = ?", h.activeID(h.t)).Count(&trash).Error)
	require.Zero(h.rt, trash, "receipts of what is an object by now")
	require.NoError(h.rt, h.db.Model(&Job{}).Where("running = 1").Count(&uploads).Error)
	require.Zero(h.rt, uploads)
}

// names are those of the blobs of all objects, sorted.
func (h *history) names() []string {
	names := []string{}
	require.NoError(h.rt, h.db.Model(&Object{}).Pluck("name", &names).Error)
	slices.Sort(names)
	return names
}

// work has another replica look for migrations.
func (h *history) work() {
	r := h.join()
	r.pace.lease, r.pace.grace = 400*time.Millisecond, time.Millisecond
	r.hook = func(_ context.Context, point string) { h.come(point) }
	r.backends.wrap = func(_ string, b blobs) blobs {
		return &faulty{blobs: b, onWrite: func(_ context.Context, _ string, content io.Reader, next func(io.Reader) (written, error)) (written, error) {
			h.come("writing")
			return next(content)
		}}
	}
	h.working = r
	r.run(h.t)
}

func (h *history) stop(r *replica) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(h.rt, r.engine.stop(ctx))
	require.NoError(h.rt, r.backends.close())
	r.die(h.t) // it has done its part, and there are many of them
}

// come does the first deed that is for the point.
func (h *history) come(point string) {
	if !h.mu.TryLock() {
		return
	}
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.left, func(d deed) bool { return d.Point == point })
	if i < 0 {
		return
	}
	d := h.left[i]
	h.left = slices.Delete(h.left, i, i+1)
	h.do(d)
	h.check()
}

func (h *history) do(d deed) {
	ctx := h.t.Context()
	switch d.Action {
	case "put":
		content := uuid.NewString()[:rand.IntN(37)]
		_, _, err := h.objects.put(ctx, d.Key, "text/plain", "", strings.NewReader(content))
		require.NoError(h.rt, err)
		h.model[d.Key] = content
	case "delete":
		err := h.objects.delete(ctx, d.Key)
		if _, there := h.model[d.Key]; there {
			require.NoError(h.rt, err)
		} else {
			require.Error(h.rt, err)
		}
		delete(h.model, d.Key)
	case "cancel":
		_, _ = h.cancel(ctx) // which may be too late
	case "again":
		_, err := h.begin(ctx, h.local("elsewhere"))
		require.ErrorContains(h.rt, err, errRuns().Error())
	case "crash":
		h.crashed = true
		h.working.die(h.t)
		h.work()
	}
}

// check compares what can be read with the model.
func (h *history) check() {
	got := map[string]string{}
	for _, key := range historyKeys {
		content, there, err := h.read(h.t.Context(), key)
		require.NoError(h.rt, err)
		if there {
			got[key] = content
		}
	}
	require.Equal(h.rt, h.model, maps.Clone(got))
}
