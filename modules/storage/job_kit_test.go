package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"portico.internal/platform/changes"
	"portico.internal/platform/config"
	"portico.internal/platform/database"
	"portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// patience bounds every wait.
const patience = time.Minute

// briskly is the pace of the tests.
var briskly = pace{
	lease: 3 * time.Second, beat: 50 * time.Millisecond, tick: 100 * time.Millisecond, freeze: 5 * time.Second,
	grace: 20 * time.Millisecond, stall: 3 * time.Second, retry: 5 * time.Millisecond, rounds: 20,
}

var tables = testkit.Prepared(func(ctx context.Context, db *gorm.DB) error {
	for _, step := range migrations {
		if err := step.Up(db.WithContext(ctx)); err != nil {
			return err
		}
	}
	return nil
})

// replica is one process's share of the module.
type replica struct {
	*engine
	objects *objects
	log     *testkit.Output
}

// site is a database with replicas on it.
type site struct {
	t        *testing.T
	database testkit.Database
	keys     *secrets.Keyring
	dir      string
	*replica
}

func newSite(t *testing.T, d testkit.Database) *site {
	t.Helper()
	keys, err := secrets.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	require.NoError(t, err)
	s := &site{t: t, database: d, keys: keys, dir: t.TempDir()}
	s.replica = s.join()
	return s
}

// join makes a replica that does not look for work before it is started.
func (s *site) join() *replica {
	s.t.Helper()
	log := &testkit.Output{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	db := s.database.Open(s.t)
	feed := changes.NewFeed(db, logger)
	life := fxtest.NewLifecycle(s.t)
	b := newBackends(life, db, s.keys, feed, logger, config.Base{DataDir: s.dir}, nil)
	e := newEngine(life, db, feed, nil, logger, b)
	e.pace = briskly
	life.RequireStart()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { feed.Run(ctx) })
	r := &replica{engine: e, objects: newObjects(db, logger, b), log: log}
	s.t.Cleanup(func() {
		life.RequireStop()
		cancel()
		running.Wait()
		if s.t.Failed() {
			s.t.Log(log)
		}
	})
	return r
}

// local is a folder beside the first one.
func (s *site) local(name string) place {
	s.t.Helper()
	p, err := s.backends.parse(kindLocal, configIn{Root: web.Some(filepath.Join(s.dir, name))})
	require.NoError(s.t, err)
	return p
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// store writes an object.
func (r *replica) store(t testing.TB, key, content string) {
	t.Helper()
	_, _, err := r.objects.put(t.Context(), key, "text/plain", digest(content), strings.NewReader(content))
	require.NoError(t, err, key)
}

// fill writes so many objects, some at once, and returns them by key.
func (r *replica) fill(t testing.TB, n int) map[string]string {
	t.Helper()
	all := map[string]string{}
	var writers errgroup.Group
	writers.SetLimit(parallel)
	for i := range n {
		key, content := fmt.Sprintf("folder %d/file-%04d.txt", i%7, i), uuid.NewString()
		all[key] = content
		writers.Go(func() error {
			_, _, err := r.objects.put(t.Context(), key, "text/plain", digest(content), strings.NewReader(content))
			return err
		})
	}
	require.NoError(t, writers.Wait())
	return all
}

// read returns the content of a key, and whether there is one.
func (r *replica) read(ctx context.Context, key string) (string, bool, error) {
	o, err := r.objects.get(ctx, key)
	if err != nil {
		return "", false, ignoreMissing(err)
	}
	o, content, err := r.objects.open(ctx, o, func(o Object) (int64, int64, error) { return 0, o.Size, nil })
	if err != nil {
		return "", false, ignoreMissing(err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err == nil && digest(string(text)) != o.SHA256 {
		err = fmt.Errorf("%s: what was read is not what the catalogue says", key)
	}
	return string(text), true, err
}

func ignoreMissing(err error) error {
	if err.Error() == errNoObject().Error() {
		return nil
	}
	return err
}

// holdsExactly fails the test unless the objects are these and no others.
func (r *replica) holdsExactly(t testing.TB, want map[string]string) {
	t.Helper()
	rows, next, err := r.objects.list(t.Context(), "", "", 100_000)
	require.NoError(t, err)
	require.Empty(t, next)
	got := map[string]string{}
	for _, o := range rows {
		content, there, err := r.read(t.Context(), o.Key)
		require.NoError(t, err, o.Key)
		require.True(t, there, o.Key)
		got[o.Key] = content
	}
	require.Equal(t, want, got)
}

// begun starts a migration.
func (r *replica) begun(t testing.TB, to place) {
	t.Helper()
	_, err := r.begin(t.Context(), to)
	require.NoError(t, err)
}

// run has the replica do its share of the work.
func (r *replica) run(t testing.TB) {
	t.Helper()
	require.NoError(t, r.backends.start(t.Context()))
	require.NoError(t, r.engine.start(t.Context()))
}

// ends waits until no migration runs and returns how the last one ended. Nothing is frozen any more then.
func (r *replica) ends(t testing.TB) *Status {
	t.Helper()
	var s *Status
	require.Eventually(t, func() bool {
		var err error
		s, err = r.status(t.Context())
		return err == nil && s.FinishedAt != nil
	}, patience, 5*time.Millisecond, "the migration does not end")
	state, err := r.backends.state(t.Context())
	require.NoError(t, err)
	require.Nil(t, state.FrozenUntil)
	return s
}

// activePlace is the id of the active backend.
func (r *replica) activeID(t testing.TB) string {
	t.Helper()
	state, err := r.backends.state(t.Context())
	require.NoError(t, err)
	return state.BackendID
}

// files are the names of all files below a folder, without what is being written.
func files(t testing.TB, root string) []string {
	t.Helper()
	list := []string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(root, path)
			list = append(list, name)
		}
		return nil
	}))
	slices.Sort(list) // by bytes, and not folder by folder
	return list
}

// faulty is a backend that misbehaves as the test wants. What it does not name works.
type faulty struct {
	blobs
	onWrite  func(ctx context.Context, name string, r io.Reader, next func(io.Reader) (written, error)) (written, error)
	onOpen   func(ctx context.Context, name string, next func() (io.ReadCloser, error)) (io.ReadCloser, error)
	onExists func(name string) error
	onRemove func(name string) error
	onList   func() error
}

func (f *faulty) write(ctx context.Context, name, contentType string, r io.Reader) (written, error) {
	next := func(r io.Reader) (written, error) { return f.blobs.write(ctx, name, contentType, r) }
	if f.onWrite == nil {
		return next(r)
	}
	return f.onWrite(ctx, name, r, next)
}

func (f *faulty) open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	next := func() (io.ReadCloser, error) { return f.blobs.open(ctx, name, offset, length) }
	if f.onOpen == nil {
		return next()
	}
	return f.onOpen(ctx, name, next)
}

func (f *faulty) exists(ctx context.Context, name string) (bool, error) {
	if f.onExists != nil {
		if err := f.onExists(name); err != nil {
			return false, err
		}
	}
	return f.blobs.exists(ctx, name)
}

func (f *faulty) remove(ctx context.Context, name string) error {
	if f.onRemove != nil {
		if err := f.onRemove(name); err != nil {
			return err
		}
	}
	return f.blobs.remove(ctx, name)
}

func (f *faulty) list(ctx context.Context, prefix string, each func(name string, size int64) error) error {
	if f.onList != nil {
		return f.onList()
	}
	return f.blobs.list(ctx, prefix, each)
}

// spoil has every backend but the present one go through f, from now on.
func (r *replica) spoil(t testing.TB, f *faulty) {
	t.Helper()
	source := r.activeID(t)
	r.backends.mu.Lock()
	defer r.backends.mu.Unlock()
	clear(r.backends.opened)
	r.backends.wrap = func(id string, b blobs) blobs {
		if id == source {
			return b
		}
		own := *f
		own.blobs = b
		return &own
	}
}

// die makes an end of a replica as kill -9 does: from now on it changes no row.
func (r *replica) die(t testing.TB) {
	t.Helper()
	require.NoError(t, database.Close(r.db))
}

// dyingWrites has fn called after so many writes have been done.
func dyingWrites(n int32, fn func()) func(context.Context, string, io.Reader, func(io.Reader) (written, error)) (written, error) {
	var writes atomic.Int32
	return func(_ context.Context, _ string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
		w, err := next(r)
		if writes.Add(1) == n {
			fn()
		}
		return w, err
	}
}
