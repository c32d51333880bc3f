package main_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"portico.internal/platform/testkit"
)

// traffic is what people do while things go wrong. Each answer is what it is when all is well, or a 503; what was
// acknowledged is there, and nothing is that nobody has asked for.
type traffic struct {
	ctx      context.Context // ends with the traffic, or when somebody has seen what must not be
	end      context.CancelFunc
	people   *errgroup.Group
	well     [kinds]atomic.Int64 // calls that went well
	unserved atomic.Int64        // calls that had a 503

	mu        sync.Mutex
	groups    map[string]bool // by name: whether it is certain that there is such a group
	documents []string        // ids of those that are there
	uploads   int             // tried
}

const (
	choosing = iota
	gathering
	signingIn
	uploading
	kinds
)

// unavailable are the bodies of a 503; some are the document service's, which keeps its files at the gateway.
var unavailable = []string{
	`{"detail":"Service Unavailable"}`,
	`{"detail":"The storage of documents does not answer; try again later"}`,
	`{"detail":"The document was not stored in time; try again"}`,
}

func newTraffic() *traffic {
	tr := &traffic{groups: map[string]bool{}}
	ctx, end := context.WithCancel(context.Background())
	tr.end = end
	tr.people, tr.ctx = errgroup.WithContext(ctx)
	return tr
}

// begin has somebody do something over and over.
func (tr *traffic) begin(every time.Duration, step func(round int) error) {
	tr.people.Go(func() error {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for round := 0; ; round++ {
			select {
			case <-tr.ctx.Done():
				return nil
			case <-ticker.C:
			}
			if err := step(round); err != nil {
				return err
			}
		}
	})
}

// call reports whether the call went well. It fails on anything but the status or a proper 503 in time.
func (tr *traffic) call(g *gateway, r testkit.Request, kind, status int) (a answer, well bool, err error) {
	a = g.ask(r)
	switch {
	case a.err != nil:
		return a, false, fmt.Errorf("no answer: %v", a)
	case a.took > answerSoon && kind != signingIn: // how long a hash takes is no matter of the database
		return a, false, fmt.Errorf("late: %v", a)
	case a.Status == status:
		tr.well[kind].Add(1)
		return a, true, nil
	case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" && slices.Contains(unavailable, a.Body):
		tr.unserved.Add(1)
		return a, false, nil
	}
	return a, false, fmt.Errorf("neither %d nor a proper 503: %v", status, a)
}

// choose has somebody change a setting of one's own and read it.
func (tr *traffic) choose(g *gateway, token string) {
	const path = "/api/users/me/preferences"
	may := []string{`{"app_ids":[]}`} // one where that is certain; what had a 503 may have been done, or still be
	tr.begin(opEvery/2, func(round int) error {
		wanted := `{"app_ids":["` + strconv.Itoa(round) + `"]}`
		a, well, err := tr.call(g, as(token, "PATCH", path, wanted), choosing, http.StatusOK)
		switch {
		case err != nil:
			return err
		case !well:
			may = append(may, wanted)
		case a.Body != wanted:
			return fmt.Errorf("not %s: %v", wanted, a)
		default:
			may = []string{wanted}
		}
		a, well, err = tr.call(g, as(token, "GET", path, ""), choosing, http.StatusOK)
		if well && !slices.Contains(may, a.Body) {
			return fmt.Errorf("none of %v: %v", may, a)
		}
		return err
	})
}

func (tr *traffic) gather(g *gateway, token string) {
	tr.begin(opEvery, func(round int) error {
		name := fmt.Sprint("Group ", round)
		_, well, err := tr.call(g, as(token, "POST", "/api/admin/groups", `{"name":"`+name+`"}`), gathering, http.StatusCreated)
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.groups[name] = well
		return err
	})
}

func (tr *traffic) signIn(g *gateway, email string) {
	tr.begin(opEvery*5, func(int) error {
		a, well, err := tr.call(g, login(email), signingIn, http.StatusOK)
		if !well {
			return err
		}
		_, token, _ := strings.Cut(a.Body, `"access_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		a, well, err = tr.call(g, as(token, "GET", "/api/users/me", ""), signingIn, http.StatusOK)
		if well && !strings.Contains(a.Body, email) {
			return fmt.Errorf("not %s: %v", email, a)
		}
		return err
	})
}

func (tr *traffic) upload(t testing.TB, g *gateway, token string) {
	contentType, body := form(t, pdf("Report", 1, 1000))
	tr.begin(opEvery*2, func(int) error {
		r := testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: token, Type: contentType, Body: body}
		a, well, err := tr.call(g, r, uploading, http.StatusAccepted)
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.uploads++
		if well {
			_, id, _ := strings.Cut(a.Body, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			tr.documents = append(tr.documents, id)
		}
		return err
	})
}

// until waits for something to happen under the traffic.
func (tr *traffic) until(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { return tr.ctx.Err() != nil || holds() }, patience, 5*time.Millisecond)
	if tr.ctx.Err() != nil {
		require.NoError(t, tr.people.Wait())
	}
}

// suffers waits until somebody had another 503.
func (tr *traffic) suffers(t *testing.T) {
	t.Helper()
	before := tr.unserved.Load()
	tr.until(t, func() bool { return tr.unserved.Load() > before })
}

// goesOn waits until calls of every kind have gone well again.
func (tr *traffic) goesOn(t *testing.T) {
	t.Helper()
	for kind := range tr.well {
		before := tr.well[kind].Load()
		tr.until(t, func() bool { return tr.well[kind].Load() >= before+2 })
	}
}

// check ends the traffic and looks at what is there.
func (tr *traffic) check(t *testing.T, g *gateway, root, uploader string) {
	t.Helper()
	tr.end()
	require.NoError(t, tr.people.Wait())
	for _, group := range decode[[]struct{ Name string }](t, g.get(t, root, "/api/admin/groups").Body) {
		_, asked := tr.groups[group.Name]
		require.True(t, asked, "%s is there twice, or nobody made it", group.Name)
		delete(tr.groups, group.Name)
	}
	for name, acknowledged := range tr.groups {
		require.False(t, acknowledged, "%s is lost", name)
	}
	var there []string
	for _, d := range decode[[]document](t, g.get(t, uploader, "/api/documents").Body) {
		there = append(there, d.ID)
	}
	require.Subset(t, there, tr.documents)
	require.LessOrEqual(t, len(there), tr.uploads)
}
