package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

// points are where a migration can be looked at, in their order.
var points = []string{stateCopying, stateVerifying, "verified", "frozen", "ready", "switched", "settled"}

// switchedAt tells whether a migration has switched at a point.
func switchedAt(point string) bool { return point == "switched" || point == "settled" }

// at has fn run the first time that the migration comes to a point.
func (r *replica) at(point string, fn func(ctx context.Context)) {
	var once sync.Once
	r.hook = func(ctx context.Context, reached string) {
		if reached == point {
			once.Do(func() { fn(ctx) })
		}
	}
}

func TestCancelInEveryState(t *testing.T) {
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			tables.Each(t, func(t *testing.T, d testkit.Database) {
				s := newSite(t, d)
				all := s.fill(t, 30)
				from := s.activeID(t)
				other := s.join() // where it is cancelled
				s.at(point, func(context.Context) {
					for range 2 {
						status, err := other.cancel(context.Background())
						if switchedAt(point) {
							require.Equal(t, errs.Conflict, errs.KindOf(err))
						} else {
							require.NoError(t, err)
							require.Equal(t, stateCancelling, status.State)
						}
					}
				})
				s.run(t)
				s.begun(t, s.local("other"))
				end := s.ends(t)
				if switchedAt(point) {
					require.Equal(t, stateCompleted, end.State)
					require.NotEqual(t, from, s.activeID(t))
				} else {
					require.Equal(t, stateCancelled, end.State)
					require.Equal(t, from, s.activeID(t))
					require.Len(t, files(t, s.dir+"/objects"), len(all))
				}
				s.store(t, "afterwards", "nothing waits any more")
				all["afterwards"] = "nothing waits any more"
				s.holdsExactly(t, all)
				_, err := s.cancel(t.Context())
				require.Equal(t, errs.NotFound, errs.KindOf(err))

				s.hook = nil
				if switchedAt(point) {
					_, err := s.begin(t.Context(), s.local("other"))
					require.Equal(t, errs.BadRequest, errs.KindOf(err), "it says that all is there already")
					return
				}
				s.begun(t, s.local("other"))
				require.Equal(t, stateCompleted, s.ends(t).State)
				s.holdsExactly(t, all)
				require.Len(t, files(t, s.dir+"/other"), len(all))
			})
		})
	}
}

// Of a cancellation and a switch at the same moment exactly one wins, and both sides know which.
func TestCancelAgainstTheSwitch(t *testing.T) {
	const rounds = 100
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.pace.grace, s.pace.beat = 0, time.Millisecond
		all := s.fill(t, 3)
		other := s.join()
		s.run(t)
		won := map[string]int{}
		for round := range rounds {
			from := s.activeID(t)
			answer := make(chan error, 1)
			s.at("frozen", func(context.Context) {
				go func() {
					time.Sleep(rand.N(6 * time.Millisecond)) // about as long as it takes from here to the switch
					_, err := other.cancel(context.Background())
					answer <- err
				}()
			})
			s.begun(t, s.local(fmt.Sprintf("other-%d", round)))
			end := s.ends(t)
			err := <-answer
			won[end.State]++
			switch errs.KindOf(err) {
			case errs.Conflict, errs.NotFound:
				require.Equal(t, stateCompleted, end.State)
				require.NotEqual(t, from, s.activeID(t))
			default:
				require.NoError(t, err)
				require.Equal(t, stateCancelled, end.State)
				require.Equal(t, from, s.activeID(t))
			}
			s.holdsExactly(t, all)
		}
		t.Log(won)
		require.Len(t, won, 2, "the race was none")
	})
}

// A migration whose process has died at any point is gone on with by another one, and nothing is frozen for longer.
func TestAnotherReplicaGoesOn(t *testing.T) {
	for _, point := range append(points, "begun", stateCancelling) {
		t.Run(point, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			tables.Each(t, func(t *testing.T, d testkit.Database) {
				s := newSite(t, d)
				all := s.fill(t, 40)
				doomed := s.join()
				doomed.pace.lease = time.Second
				died := make(chan struct{})
				die := func(ctx context.Context) {
					defer close(died)
					if point == stateCancelling {
						_, err := s.cancel(context.Background())
						require.NoError(t, err)
					}
					doomed.die(t)
				}
				switch point {
				case "begun": // the copies are there, and nobody knows of them
					var once sync.Once
					doomed.spoil(t, &faulty{onWrite: dyingWrites(10, func() { once.Do(func() { die(nil) }) })})
				case stateCancelling:
					doomed.at("frozen", die)
				default:
					doomed.at(point, die)
				}
				doomed.run(t)
				s.begun(t, s.local("other"))
				<-died
				for _, key := range []string{"folder 0/file-0000.txt", "folder 1/file-0001.txt"} {
					delete(all, key)
					require.NoError(t, s.objects.delete(t.Context(), key))
				}
				s.run(t)
				s.store(t, "folder 2/file-0002.txt", "new") // waits at most for the freeze
				all["folder 2/file-0002.txt"] = "new"
				end := s.ends(t)
				if point == stateCancelling {
					require.Equal(t, stateCancelled, end.State)
				} else {
					require.Equal(t, stateCompleted, end.State, end.Errors)
				}
				s.holdsExactly(t, all)
			})
		})
	}
}
