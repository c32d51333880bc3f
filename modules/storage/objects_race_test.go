package storage

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

// Whatever writers, deleters, readers and sweepers do at once to the same keys, what is read is what somebody has
// written, whole; and in the end nothing is left but what the catalogue names.
func TestObjectsUnderConcurrentUse(t *testing.T) {
	const workers, steps = 8, 40
	keys := []string{"a", "a/b", "A", "a/b/c", "odd:*"}
	eachSite(t, func(t *testing.T, s *site) {
		replicas := []*replica{s.replica}
		if s.database.Name == "postgres" {
			replicas = append(replicas, s.join())
		}
		for _, r := range replicas {
			require.NoError(t, r.backends.start(t.Context()))
		}
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				r := replicas[w%len(replicas)]
				for i := range steps {
					key := keys[rand.N(len(keys))]
					var err error
					switch rand.N(4) {
					case 0:
						err = r.objects.delete(context.Background(), key)
					case 1:
						text := fmt.Sprintf("%d/%d of %s: %s", w, i, key, strings.Repeat("x", rand.N(100_000)))
						_, _, err = r.objects.put(context.Background(), key, "text/plain", digest(text), strings.NewReader(text))
					default:
						var text string
						var there bool
						text, there, err = r.read(context.Background(), key) // compares with the hash
						if there && !strings.Contains(text, " of "+key+":") {
							t.Errorf("%s has the content of another key: %.40s", key, text)
						}
					}
					if err != nil && errs.KindOf(err) != errs.NotFound {
						t.Errorf("%s: %v", key, err)
					}
				}
			})
		}
		all.Wait()
		for _, r := range replicas {
			require.NoError(t, r.backends.close())
			r.backends.stopping = nil
		}
		s.tidy(t)
		rows, _, err := s.objects.list(t.Context(), "", "", 1000)
		require.NoError(t, err)
		for _, o := range rows {
			_, there, err := s.read(t.Context(), o.Key)
			require.NoError(t, err)
			require.True(t, there)
		}
	})
}

// Of writers of one key at the same moment one comes last, and its content is there whole.
func TestOneOfManyWritersWins(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		const rounds, writers = 10, 8
		for round := range rounds {
			key := fmt.Sprint("key ", round)
			texts := map[string]bool{}
			for i := range writers {
				texts[fmt.Sprint("written by ", i)] = true
			}
			var created atomic.Int32
			var all sync.WaitGroup
			ready := make(chan struct{})
			for text := range texts {
				all.Go(func() {
					_, fresh, err := s.objects.put(context.Background(), key, "text/plain", digest(text), io.MultiReader(strings.NewReader(text), callback(func() { <-ready })))
					if fresh {
						created.Add(1)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			require.Eventually(t, func() bool { // all have their names, and none has committed
				var waiting int64
				return s.db.Model(&Upload{}).Count(&waiting).Error == nil && waiting == writers
			}, patience, time.Millisecond)
			close(ready)
			all.Wait()
			require.EqualValues(t, 1, created.Load(), "one is the first")
			text, there, err := s.read(t.Context(), key)
			require.NoError(t, err)
			require.True(t, there)
			require.True(t, texts[text], text)
		}
		s.tidy(t)
	})
}
