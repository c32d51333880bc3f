package storage

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// spoilAll has every backend go through f, from now on.
func (r *replica) spoilAll(f *faulty) {
	r.backends.mu.Lock()
	defer r.backends.mu.Unlock()
	clear(r.backends.opened)
	r.backends.wrap = func(_ string, b blobs) blobs {
		own := *f
		own.blobs = b
		return &own
	}
}

// purge is what a backend with a faulty remove cannot do either.
func (f *faulty) purge(ctx context.Context, name string) error {
	if f.onRemove != nil {
		if err := f.onRemove(name); err != nil {
			return err
		}
	}
	return f.blobs.purge(ctx, name)
}

func TestWhatIsSuperfluousIsRemovedAtOnce(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		require.NoError(t, s.backends.start(t.Context()))
		s.store(t, "key", "old")
		old := s.row(t, "key")
		s.store(t, "key", "new")
		vanishes := func(o Object) {
			require.Eventually(t, func() bool {
				there, err := s.present(t).exists(t.Context(), o.Name)
				return err == nil && !there
			}, patience, time.Millisecond)
		}
		vanishes(old)
		last := s.row(t, "key")
		require.NoError(t, s.objects.delete(t.Context(), "key"))
		vanishes(last)
	})
}

func TestWhatCannotBeRemovedIsTriedAgain(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.store(t, "key", "content")
		s.store(t, "other", "content")
		var tries atomic.Int32
		s.spoilAll(&faulty{onRemove: func(name string) error {
			if name == "key" && tries.Add(1) < 3 {
				return passingTrouble(unreachable, nil)
			}
			return nil
		}})
		require.NoError(t, s.objects.delete(t.Context(), "key"))
		require.NoError(t, s.objects.delete(t.Context(), "other"))
		require.NoError(t, s.backends.sweep(t.Context()), "that is nobody's failure")
		var left []Trash
		require.NoError(t, s.db.Where("removed_at IS NULL").Find(&left).Error)
		require.Len(t, left, 1, "one that fails does not keep another")
		require.Contains(t, s.log.String(), "storage blob not removed")
		require.NoError(t, s.backends.sweep(t.Context()))
		require.EqualValues(t, 1, tries.Load(), "but not before a while has passed")
		for range 3 {
			require.NoError(t, s.db.Exec("UPDATE storage_trash SET due_at = ? WHERE removed_at IS NULL", s.db.NowFunc().Add(-time.Second)).Error)
			require.NoError(t, s.backends.sweep(t.Context()))
		}
		require.Empty(t, files(t, s.dir))
	})
}

// A name rests after its blob has gone: one who still removes it, having been held up, removes nothing of another's.
func TestNamesRest(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.store(t, "key", "first")
		require.Equal(t, "key", s.row(t, "key").Name)
		require.NoError(t, s.objects.delete(t.Context(), "key"))
		require.NoError(t, s.backends.sweep(t.Context()))
		require.Empty(t, files(t, s.dir))

		s.store(t, "key", "second")
		require.NotEqual(t, "key", s.row(t, "key").Name)
		require.NoError(t, s.present(t).remove(t.Context(), "key"), "by one who comes late")
		s.holdsExactly(t, map[string]string{"key": "second"})
		require.NoError(t, s.objects.delete(t.Context(), "key"))

		late := "what a writer who was held up leaves"
		_, err := s.present(t).write(t.Context(), "key", "text/plain", strings.NewReader(late))
		require.NoError(t, err)
		s.tidy(t)
		s.store(t, "key", "third")
		require.Equal(t, "key", s.row(t, "key").Name)
	})
}

// A writer that nobody has heard of for too long has lost its name. It harms nothing when it goes on, not even when the
// name has rested and another has it.
func TestWriterThatWasHeldUpIsRefused(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		for _, size := range []int64{100, partSize + 1} {
			_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", io.MultiReader(random(1, size), callback(func() {
				s.sweepAll(t)
				s.store(t, "key", "by somebody else")
				require.Equal(t, "key", s.row(t, "key").Name)
			}), random(2, size)))
			require.Error(t, err)
			s.holdsExactly(t, map[string]string{"key": "by somebody else"})
			s.tidy(t)
			s.holdsExactly(t, map[string]string{"key": "by somebody else"})
			require.NoError(t, s.objects.delete(t.Context(), "key"))
			s.tidy(t)
		}
	})
}

// A blob that has become trash is not named any more, although all of it has been written.
func TestWriterWhoseLeaseHasRunOutIsRefused(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", io.MultiReader(strings.NewReader("content"), callback(func() {
			require.NoError(t, s.db.Exec("UPDATE storage_uploads SET lease_until = ?", s.db.NowFunc().Add(-time.Second)).Error)
			require.NoError(t, s.backends.expireUploads(t.Context()))
		})))
		require.ErrorIs(t, err, errLapsed)
		s.holdsExactly(t, map[string]string{})
		s.tidy(t)
	})
}

// What has come to have the name between two looks is none of ours: it stays, and the next try gets another name.
func TestForeignBlobThatComesMeanwhileStays(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		at := s.present(t)
		_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", io.MultiReader(strings.NewReader("ours"), callback(func() {
			_, err := at.write(t.Context(), "key", "text/plain", strings.NewReader("foreign"))
			require.NoError(t, err)
		})))
		require.True(t, passing(err), "%v", err)
		s.store(t, "key", "ours")
		s.holdsExactly(t, map[string]string{"key": "ours"})
		require.NoError(t, s.objects.delete(t.Context(), "key"))
		s.sweepAll(t)
		require.Equal(t, map[string]int64{"key": int64(len("foreign"))}, listed(t, at, ""))
		require.Equal(t, "foreign", contentOf(t, at, "key", 0, -1))
	})
}

// A process that is killed leaves rows and files behind. The next one sweeps them, and all that was acknowledged is there.
func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	type crash struct {
		name  string
		fault func(die func()) *faulty
		act   func(r *replica, die func()) error
		want  string // of the key
	}
	put := func(r *replica, body io.Reader) error {
		_, _, err := r.objects.put(context.Background(), "key", "text/plain", "", body)
		return err
	}
	crashes := []crash{
		{
			name: "before the blob",
			fault: func(die func()) *faulty {
				return &faulty{onWrite: func(context.Context, string, io.Reader, func(io.Reader) (written, error)) (written, error) {
					die()
					return written{}, errors.New("dead")
				}}
			},
			act:  func(r *replica, _ func()) error { return put(r, strings.NewReader("new")) },
			want: "old",
		},
		{
			name:  "while the blob is written",
			fault: func(func()) *faulty { return &faulty{} },
			act: func(r *replica, die func()) error {
				return put(r, io.MultiReader(random(1, 100), callback(die), random(2, 100)))
			},
			want: "old",
		},
		{
			name:  "while a large blob is written",
			fault: func(func()) *faulty { return &faulty{} },
			act: func(r *replica, die func()) error {
				return put(r, io.MultiReader(random(1, 2*partSize), callback(die), random(2, 100)))
			},
			want: "old",
		},
		{
			name: "between blob and commit",
			fault: func(die func()) *faulty {
				return &faulty{onWrite: func(_ context.Context, _ string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
					w, err := next(r)
					die()
					return w, err
				}}
			},
			act:  func(r *replica, _ func()) error { return put(r, strings.NewReader("new")) },
			want: "old",
		},
		{
			name:  "after an overwrite",
			fault: func(func()) *faulty { return &faulty{} },
			act: func(r *replica, die func()) error {
				defer die()
				return put(r, strings.NewReader("new"))
			},
			want: "new",
		},
		{
			name: "while the old blob is removed",
			fault: func(die func()) *faulty {
				return &faulty{onRemove: func(string) error {
					die()
					return errors.New("dead")
				}}
			},
			act: func(r *replica, _ func()) error {
				err := put(r, strings.NewReader("new"))
				_ = r.backends.sweep(context.Background())
				return err
			},
			want: "new",
		},
	}
	eachSite(t, func(t *testing.T, s *site) {
		for _, c := range crashes {
			s.store(t, "key", "old")
			s.store(t, "bystander", "stays")
			dying := s.join()
			var dead atomic.Bool
			// A dead process does nothing any more, neither to the database nor to a backend.
			die := func() {
				if !dead.Swap(true) {
					dying.die(t)
				}
			}
			fault := c.fault(die)
			remove := fault.onRemove
			fault.onRemove = func(name string) error {
				if dead.Load() {
					return errors.New("dead")
				}
				if remove != nil {
					return remove(name)
				}
				return nil
			}
			dying.spoilAll(fault)
			err := c.act(dying, die)
			require.True(t, dead.Load(), c.name)
			require.Equal(t, c.want == "new", err == nil, "%s: %v", c.name, err)

			s.holdsExactly(t, map[string]string{"key": c.want, "bystander": "stays"})
			s.tidy(t)
			s.holdsExactly(t, map[string]string{"key": c.want, "bystander": "stays"})
		}
	})
}
