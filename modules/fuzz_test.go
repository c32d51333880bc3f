package modules_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
	"portico.internal/platform/testkit/specfuzz"
)

var (
	requests = flag.Int("requests", 6_000, "how many requests TestSpecFuzz sends, over both databases")
	seed     = flag.Uint64("seed", 1, "of TestSpecFuzz; 0: another one each time")
)

// searching is how many requests to one gateway it takes for every route to have succeeded at least once.
const searching = 25_000

// Requests made of the gateway's own OpenAPI documents, from valid to hostile, to every route and from everybody. No reply
// may be an unexplained 5xx, differ from the document, give away a secret or let in whom it should not; no line of the log
// may be an error or hold a secret; and at the end the gateway holds no more than at the start, and works.
func TestSpecFuzz(t *testing.T) {
	start := *seed
	if start == 0 {
		start = uint64(time.Now().UnixNano())
	}
	// A panic past every recovery would leave no other trace of it.
	fmt.Fprintf(os.Stderr, "TestSpecFuzz: -seed %d\n", start)
	stayHome(t)
	s := newFuzzServices(t)
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		f := newFuzz(t, d, s, rand.New(rand.NewPCG(start, 1)))
		defer func() {
			if f.tell(t); t.Failed() {
				t.Logf("again: go test ./modules -run TestSpecFuzz -requests %d -seed %d", *requests, start)
			}
		}()
		f.run(t, *requests/10) // caches, pools and pages of memory have filled by then
		before := f.measure(t)
		f.run(t, *requests/2-*requests/10)
		f.sound(t, before)
		f.covered(t, *requests/2 >= searching)
	})
}

// run sends so many requests.
func (f *fuzz) run(t *testing.T, n int) {
	for range n {
		if len(f.deck) == 0 {
			f.deal(t)
		}
		turn := f.deck[0]
		f.deck = f.deck[1:]
		f.play(t, turn)
		if len(f.sent) >= batch {
			f.readLog()
		}
	}
	f.readLog()
}

// turn is a request to come.
type turn struct {
	*fuzzRoute
	actor *actor
}

// deal makes a deck in which everybody calls every route, and the superuser, who gets further than others, more often.
// Routes that take time come in every eighth deck.
func (f *fuzz) deal(t *testing.T) {
	for _, r := range f.routes {
		for _, a := range f.callers(r) {
			times := 1
			switch slow := slowRoutes[r.op.String()]; {
			case slow && f.decks%8 != 0:
				times = 0
			case !a.live || !a.passes(r):
			case slow:
				times = 6
			case a.admin || r.internal:
				times = 12
			default:
				times = 2
			}
			for range times {
				f.deck = append(f.deck, turn{r, a})
			}
		}
	}
	f.gen.Shuffle(len(f.deck), func(i, j int) { f.deck[i], f.deck[j] = f.deck[j], f.deck[i] })
	f.decks++
	f.prune(t)
}

// play sends one request and judges the reply.
func (f *fuzz) play(t *testing.T, turn turn) {
	f.now = turn.actor
	r := f.gen.Request(turn.op)
	asked := asked{turn: turn, request: r, ambiguous: has(r, "Authorization")}
	if turn.actor.token != "" {
		r.Add("Authorization", "Bearer "+turn.actor.token)
	}
	if f.calls++; !has(r, "X-Forwarded-For") { // nobody is throttled for what another one does
		r.Add("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", f.calls>>16&255, f.calls>>8&255, f.calls&255))
	}
	client := f.public
	if turn.internal {
		client = f.internal
	}
	reply, err := client.Do(r)
	switch {
	case err == nil:
	case r.Refusable: // refused with the body unread, which may take the reply with it
		return
	default:
		f.fail(asked, "no answer", err.Error())
		return
	}
	asked.reply = reply
	if id := reply.Header.Get("X-Request-Id"); id != "" {
		f.sent[id] = asked
	}
	turn.count(asked)
	f.judge(asked)
	if turn.actor.live && !r.Elsewhere {
		f.gen.Pool.Harvest(turn.op, r, reply)
	}
	if reply.Status < 300 && r.Method != http.MethodGet && r.Method != http.MethodHead {
		f.mend(t, asked)
		f.follow(turn)
	}
}

// follow puts what comes into its own now on top of the deck.
func (f *fuzz) follow(done turn) {
	for _, name := range slices.Backward(next[done.op.String()]) {
		for _, r := range f.routes {
			if r.op.String() == name {
				f.deck = append([]turn{{r, done.actor}}, f.deck...)
			}
		}
	}
}

func has(r *specfuzz.Request, name string) bool {
	for _, h := range r.Header {
		if h[0] == name {
			return true
		}
	}
	return false
}

// sound holds the gateway at the end against what it was.
func (f *fuzz) sound(t *testing.T, before measures) {
	f.public.Close()
	f.internal.Close()
	require.Eventually(t, func() bool { return f.measure(t).fits(before) }, time.Minute, 100*time.Millisecond,
		"it has grown: before %+v, after %+v", before, f.measure(t))
	keeper := f.SignIn(t, root, testkit.Password)
	for _, r := range f.routes {
		if r.op.Method == http.MethodGet && !r.internal && r.params == 0 {
			reply := f.Call(t, testkit.Request{Method: http.MethodGet, Path: r.op.Path, Token: keeper})
			require.Equal(t, http.StatusOK, reply.Status, "%s: %s", r.op, reply.Body)
		}
	}
	f.whole(t)
}
