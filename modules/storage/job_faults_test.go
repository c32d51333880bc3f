package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// fault is one way in which a target does not do what it says.
type fault struct {
	name    string
	target  func(victim string) *faulty
	stage   string
	message string
	many    bool // more than the victim suffer from it
}

const victim = "folder 3/file-0003.txt"

// lying changes what is stored of the victim and says that all is well.
func lying(change func(content []byte) []byte) func(string) *faulty {
	return func(victim string) *faulty {
		return &faulty{onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
			if name != victim {
				return next(r)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				return written{}, err
			}
			changed := change(bytes.Clone(content))
			if changed != nil {
				if _, err := next(bytes.NewReader(changed)); err != nil {
					return written{}, err
				}
			}
			return written{int64(len(content)), digest(string(content))}, nil
		}}
	}
}

// probing tells the names that a target is tried with from those of objects.
func probing(name string) bool { return strings.HasPrefix(name, reserved+"/probe/") }

var errSurprise = errors.New("https://secret-host.example.com: surprise")

var faults = []fault{
	{name: "loses an object", stage: stageVerify, message: "The blob is not there",
		target: lying(func([]byte) []byte { return nil })},
	{name: "flips a bit at equal size", stage: stageVerify, message: "The content is not the one that was stored",
		target: lying(func(b []byte) []byte { b[7] ^= 1; return b })},
	{name: "truncates with success", stage: stageVerify, message: "The content is not the one that was stored",
		target: lying(func(b []byte) []byte { return b[:len(b)/2] })},
	{name: "truncates what is read", stage: stageVerify, message: "The content is not the one that was stored",
		target: func(victim string) *faulty {
			return &faulty{onOpen: func(_ context.Context, name string, next func() (io.ReadCloser, error)) (io.ReadCloser, error) {
				r, err := next()
				if err != nil || name != victim {
					return r, err
				}
				return struct {
					io.Reader
					io.Closer
				}{io.LimitReader(r, 5), r}, nil
			}}
		}},
	{name: "fails for one object", stage: stageWrite, message: "The storage failed",
		target: func(victim string) *faulty {
			return &faulty{onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
				content, err := io.ReadAll(r)
				if err != nil || strings.Contains(string(content), "the victim") {
					return written{}, errors.Join(err, errSurprise)
				}
				return next(bytes.NewReader(content))
			}}
		}},
	{name: "fills up", stage: stageWrite, message: noSpace, many: true,
		target: after(20, func() error { return explainLocal(syscall.ENOSPC) })},
	{name: "loses its credentials", stage: stageWrite, message: refused, many: true,
		target: after(20, func() error { return trouble(refused, errSurprise) })},
}

// after works for so many writes and then no longer.
func after(n int32, fail func() error) func(string) *faulty {
	return func(string) *faulty {
		var writes atomic.Int32
		broken := func() bool { return writes.Load() >= n }
		return &faulty{
			onWrite: func(_ context.Context, _ string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
				if broken() {
					return written{}, fail()
				}
				writes.Add(1)
				return next(r)
			},
			onOpen: func(_ context.Context, _ string, next func() (io.ReadCloser, error)) (io.ReadCloser, error) {
				if broken() {
					return nil, fail()
				}
				return next()
			},
		}
	}
}

// Nothing switches while one object is not proved to lie at the target, and what has been proved is not copied again.
func TestTargetsThatFailOrLie(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			tables.Each(t, func(t *testing.T, d testkit.Database) {
				s := newSite(t, d)
				all := s.fill(t, 60)
				if f.many {
					all = s.fill(t, 250)
				}
				all[victim] = "the victim of what the target does"
				s.store(t, victim, all[victim])
				require.NoError(t, s.backends.sweep(t.Context()))
				from, source := s.activeID(t), files(t, s.dir+"/objects")

				s.spoil(t, f.target(victim))
				s.run(t)
				s.begun(t, s.local("other"))
				end := s.ends(t)
				require.Equal(t, stateFailed, end.State)
				require.Equal(t, from, s.activeID(t))
				require.Equal(t, source, files(t, s.dir+"/objects"), "the source is untouched")
				s.holdsExactly(t, all)
				require.NotZero(t, end.Failed)
				if f.many {
					require.Greater(t, end.Failed, int64(1))
					require.Less(t, end.Failed, int64(150), "it gives up")
				} else {
					require.EqualValues(t, 1, end.Failed)
					require.Equal(t, []StatusItem{{victim, f.stage, f.message}}, end.Errors)
				}
				for _, item := range end.Errors {
					require.NotContains(t, item.Message, "secret-host")
					if item.Key != "" {
						require.Contains(t, all, item.Key)
						require.Equal(t, f.message, item.Message)
					}
				}
				s.store(t, "written after it has failed", "x") // nothing is frozen any more
				all["written after it has failed"] = "x"

				var kept int64
				require.NoError(t, s.db.Model(&Receipt{}).Count(&kept).Error)
				require.Positive(t, kept)
				var mu sync.Mutex
				var again []string
				s.spoil(t, &faulty{onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
					if !probing(name) {
						mu.Lock()
						defer mu.Unlock()
						again = append(again, name)
					}
					return next(r)
				}})
				s.begun(t, s.local("other/"))
				end = s.ends(t)
				require.Equal(t, stateCompleted, end.State, end.Errors)
				require.Len(t, again, len(all)-int(kept), "what has a receipt is not copied again")
				s.holdsExactly(t, all)
				require.Len(t, files(t, s.dir+"/other"), len(all))
				require.Empty(t, files(t, s.dir+"/objects"))
			})
		})
	}
}

// A target that takes what is written, over anything that lies there, and can not be asked what does, is given up.
func TestTargetsThatCannotBeLookedAt(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 20)
		s.spoil(t, &faulty{
			onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
				w, err := next(r)
				if errors.Is(err, errTaken) && probing(name) {
					err = nil
				}
				return w, err
			},
			onExists: func(string) error { return passingTrouble(busy, errSurprise) },
		})
		s.run(t)
		s.begun(t, s.local("other"))
		end := s.ends(t)
		require.Equal(t, stateFailed, end.State)
		require.Equal(t, []StatusItem{{"", stageWrite, busy}}, end.Errors)
		s.holdsExactly(t, all)
	})
}

// Failures that pass are waited out, and a listing that lies has no say.
func TestTargetsThatStumble(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 60)
		var mu sync.Mutex
		tries := map[string]int{}
		stumbles := func(what string) bool { // twice over each
			mu.Lock()
			defer mu.Unlock()
			tries[what]++
			return tries[what] < attempts
		}
		s.spoil(t, &faulty{
			onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
				if probing(name) {
					return next(r)
				}
				content, err := io.ReadAll(r)
				if err == nil && stumbles(string(content)) {
					_, err = next(bytes.NewReader(content[:4])) // of which something is left behind
					err = errors.Join(err, passingTrouble(busy, errSurprise))
				}
				if err != nil {
					return written{}, err
				}
				return next(bytes.NewReader(content))
			},
			onOpen: func(_ context.Context, name string, next func() (io.ReadCloser, error)) (io.ReadCloser, error) {
				if stumbles(name) {
					return nil, errSurprise
				}
				return next()
			},
			onList: func() error { return nil },
		})
		s.run(t)
		s.begun(t, s.local("other"))
		end := s.ends(t)
		require.Equal(t, stateCompleted, end.State, end.Errors)
		require.EqualValues(t, 60*36, end.BytesDone)
		s.backends.wrap = nil
		s.holdsExactly(t, all)
		require.NoError(t, s.backends.sweep(t.Context()))
		require.Len(t, files(t, s.dir+"/other"), 60, "nothing is left of the attempts that failed")
	})
}

// A source whose content has gone bad is not copied as if it were good.
func TestSourceGoneBad(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 20)
		bad := maps.Clone(all)
		delete(bad, victim)
		row, err := s.objects.get(t.Context(), victim)
		require.NoError(t, err)
		b, err := s.backends.get(t.Context(), row.BackendID)
		require.NoError(t, err)
		require.NoError(t, b.remove(t.Context(), row.Name))
		_, err = b.write(t.Context(), row.Name, "", strings.NewReader("something else"))
		require.NoError(t, err)

		s.run(t)
		s.begun(t, s.local("other"))
		end := s.ends(t)
		require.Equal(t, stateFailed, end.State)
		require.Equal(t, []StatusItem{{victim, stageRead, "The content is not the one that was stored"}}, end.Errors)

		require.NoError(t, b.remove(t.Context(), row.Name))
		s.begun(t, s.local("other"))
		require.Equal(t, []StatusItem{{victim, stageRead, "The blob is not there"}}, s.ends(t).Errors)

		require.NoError(t, s.objects.delete(t.Context(), victim)) // what is lost and known to be need not be moved
		s.begun(t, s.local("other"))
		require.Equal(t, stateCompleted, s.ends(t).State)
		s.holdsExactly(t, bad)
	})
}

// What lies at the target already is nobody's to overwrite or to remove, even where it appears at the last moment.
func TestForeignFilesAtTheTargetStay(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 10)
		foreign := map[string]string{"folder 0/file-0000.txt": "there before", "folder 1": "a file in the place of a folder", "folder 2/file-0002.txt": "late"}
		place := func(key string) {
			path := s.dir + "/other/" + key
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, []byte(foreign[key]), 0o600))
		}
		place("folder 0/file-0000.txt")
		place("folder 1")
		s.spoil(t, &faulty{onWrite: func(_ context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
			if name == "folder 2/file-0002.txt" {
				place(name)
			}
			return next(r)
		}})
		s.run(t)
		s.begun(t, s.local("other"))
		end := s.ends(t)
		require.Equal(t, stateCompleted, end.State, end.Errors)
		s.backends.wrap = nil
		s.holdsExactly(t, all)
		require.NoError(t, s.backends.sweep(t.Context()))
		for key, content := range foreign {
			text, err := os.ReadFile(s.dir + "/other/" + key)
			require.NoError(t, err)
			require.Equal(t, content, string(text))
		}
	})
}
