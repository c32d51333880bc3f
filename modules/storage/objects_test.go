package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

// eachSite runs the test on a database of each kind with a backend of each kind.
func eachSite(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		t.Run("local", func(t *testing.T) { test(t, newSite(t, d)) })
	})
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		t.Run("s3", func(t *testing.T) {
			s := newSite(t, d)
			settle(t, s.backends, s3Place(t, "in/a/folder"))
			test(t, s)
		})
	})
	if os.Getenv(azureVariable) == "" {
		return
	}
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		t.Run("azure", func(t *testing.T) {
			s := newSite(t, d)
			settle(t, s.backends, azurePlace(t))
			test(t, s)
		})
	})
}

// settle makes a place the active backend where there are no objects.
func settle(t testing.TB, b *backends, p place) (id string) {
	t.Helper()
	_, err := b.state(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.feed.Write(t.Context(), topic, stateKey, func(tx *gorm.DB) error {
		id, err = b.add(t.Context(), tx, p)
		if err != nil {
			return err
		}
		return tx.Model(&State{}).Where("id = 1").Update("backend_id", id).Error
	}))
	return id
}

// present is the active backend.
func (r *replica) present(t testing.TB) *backend {
	t.Helper()
	at, err := r.backends.active(t.Context())
	require.NoError(t, err)
	return at
}

// row is that of a key.
func (r *replica) row(t testing.TB, key string) Object {
	t.Helper()
	o, err := r.objects.get(t.Context(), key)
	require.NoError(t, err)
	return o
}

// sweepAll lets every lease and every rest be over, and sweeps.
func (r *replica) sweepAll(t testing.TB) {
	t.Helper()
	past := r.db.NowFunc().Add(-time.Second)
	for range 2 { // what is removed now rests, and is removed once more
		require.NoError(t, r.db.Exec("UPDATE storage_uploads SET lease_until = ?", past).Error)
		require.NoError(t, r.db.Exec("UPDATE storage_trash SET due_at = ?", past).Error)
		require.NoError(t, r.backends.sweep(t.Context()))
	}
}

// tidy fails the test unless, after a sweep, the active backend holds the blobs of the catalogue and nothing else.
func (r *replica) tidy(t testing.TB) {
	t.Helper()
	r.sweepAll(t)
	at := r.present(t)
	var rows []Object
	require.NoError(t, r.db.Find(&rows).Error)
	want := map[string]int64{}
	for _, o := range rows {
		require.Equal(t, at.id, o.BackendID)
		want[o.Name] = o.Size
	}
	require.Equal(t, want, listed(t, at, ""))
	for _, table := range []string{"storage_uploads", "storage_trash"} {
		var left int64
		require.NoError(t, r.db.Table(table).Count(&left).Error)
		require.Zero(t, left, table)
	}
	row := Backend{}
	require.NoError(t, r.db.Where("id = ?", at.id).Take(&row).Error)
	p, err := r.backends.stored(&row)
	require.NoError(t, err)
	require.Empty(t, unfinishedAt(t, p))
}

func TestObjectsComeAndGo(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		want := map[string]string{
			"a": "1", "a/b": "2", "a/b/c": "3", "A": "4", "b/c": "5", "b": "6", "empty": "",
			strings.Repeat("s", 300) + "/" + strings.Repeat("t", 300): "7",
			"odd/.hidden/a:b*?\"<>|\\%2F":                             "8", "~/new/x": "9", "Grüße/日本語": "10", strings.Repeat("k", 1024): "11", " ": "12", "😀": "13",
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			s.store(t, key, want[key])
		}
		s.holdsExactly(t, want)
		for i := range 3 {
			for key := range want {
				want[key] = fmt.Sprint(want[key], i)
				s.store(t, key, want[key])
			}
			s.holdsExactly(t, want)
		}
		s.tidy(t)
		s.holdsExactly(t, want)
		for key := range maps.Clone(want) {
			require.NoError(t, s.objects.delete(t.Context(), key))
			delete(want, key)
			require.Equal(t, errs.NotFound, errs.KindOf(s.objects.delete(t.Context(), key)))
			_, err := s.objects.get(t.Context(), key)
			require.Equal(t, errs.NotFound, errs.KindOf(err))
		}
		s.tidy(t)
		require.Empty(t, listed(t, s.present(t), ""))
	})
}

func TestKeysAreListedInTheOrderOfTheirBytes(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		keys := []string{"A", "B", "B/a", "B0", "Z_", "a", "a%", "a-", "a/1", "a/2", "a_b", "b", "é", "é/1", "日本", "😀"}
		for _, key := range keys {
			s.store(t, key, key)
		}
		var all []string
		for after := ""; ; {
			rows, next, err := s.objects.list(t.Context(), "", after, 3)
			require.NoError(t, err)
			for _, o := range rows {
				all = append(all, o.Key)
			}
			if next == "" {
				break
			}
			require.Len(t, rows, 3)
			require.Equal(t, rows[2].Key, next)
			after = next
		}
		require.Equal(t, keys, all)
		for prefix, want := range map[string][]string{
			"a": {"a", "a%", "a-", "a/1", "a/2", "a_b"}, "a/": {"a/1", "a/2"}, "a%": {"a%"}, "a_": {"a_b"}, "é": {"é", "é/1"}, "😀": {"😀"}, "c": nil, "B": {"B", "B/a", "B0"},
		} {
			rows, next, err := s.objects.list(t.Context(), prefix, "", 100)
			require.NoError(t, err)
			require.Empty(t, next)
			var found []string
			for _, o := range rows {
				found = append(found, o.Key)
			}
			require.Equal(t, want, found, prefix)
		}
		rows, _, err := s.objects.list(t.Context(), "a", "a/1", 1)
		require.NoError(t, err)
		require.Equal(t, "a/2", rows[0].Key)
		if database.IsPostgres(s.db) { // whose order is otherwise that of the server's language
			var collations []string
			require.NoError(t, s.db.Raw("SELECT DISTINCT coalesce(collation_name, 'that of the database') FROM information_schema.columns "+
				"WHERE table_name LIKE 'storage%' AND column_name IN ('key', 'name', 'source_name')").Scan(&collations).Error)
			require.Equal(t, []string{"C"}, collations)
		}
	})
}

// Most objects lie in the folder under their own key, so that an admin finds them.
func TestLocalObjectsLieAsPlainFiles(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		root := filepath.Join(s.dir, "objects")
		s.store(t, "reports/2024/Grüße aus Köln.pdf", "content")
		file := filepath.Join(root, "reports/2024/Grüße aus Köln.pdf")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "content", string(text))
		require.Equal(t, []string{"reports/2024/Grüße aus Köln.pdf"}, files(t, root))
		for path := file; path != s.dir; path = filepath.Dir(path) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077, "%s is for nobody else", path)
		}
		require.NoError(t, s.objects.delete(t.Context(), "reports/2024/Grüße aus Köln.pdf"))
		s.tidy(t)
		require.NoDirExists(t, filepath.Join(root, "reports"), "empty folders go too")
	})
}

// What somebody else has put into the folder stays as it is, whatever keys come.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		root, outside := filepath.Join(s.dir, "objects"), t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "folder/sub"), 0o755))
		for _, name := range []string{"file", "folder/sub/deep", "file.attrs"} {
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte("foreign"), 0o644))
		}
		require.NoError(t, os.Symlink(outside, filepath.Join(root, "link")))
		want := map[string]string{}
		for _, key := range []string{"file", "file/below", "folder", "folder/sub", "folder/sub/deep", "folder/sub/more", "link", "link/below", "file.attrs"} {
			want[key] = "ours: " + key
			s.store(t, key, want[key])
			s.store(t, key, want[key])
		}
		s.holdsExactly(t, want)
		for key := range want {
			require.NoError(t, s.objects.delete(t.Context(), key))
		}
		s.sweepAll(t)
		left := files(t, root)
		slices.Sort(left)
		require.Equal(t, []string{"file", "file.attrs", "folder/sub/deep", "link"}, left)
		for _, name := range []string{"file", "folder/sub/deep", "file.attrs"} {
			text, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err)
			require.Equal(t, "foreign", string(text))
		}
		require.Empty(t, files(t, outside), "nothing is written through a link")
	})
}

func TestContentMustHaveTheHashThatWasSent(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		s.store(t, "key", "old")
		_, _, err := s.objects.put(t.Context(), "key", "text/plain", digest("something else"), strings.NewReader("new"))
		require.Equal(t, errs.BadRequest, errs.KindOf(err))
		s.holdsExactly(t, map[string]string{"key": "old"})
		s.tidy(t)
	})
}

func TestUploadThatBreaksChangesNothing(t *testing.T) {
	broken := errors.New("broken")
	eachSite(t, func(t *testing.T, s *site) {
		s.store(t, "key", "old")
		for _, key := range []string{"key", "new"} {
			for _, size := range []int64{0, 100, partSize + 1} {
				_, _, err := s.objects.put(t.Context(), key, "text/plain", "", &breaking{random(5, size), broken})
				require.ErrorIs(t, err, broken)
			}
			ctx, cancel := context.WithCancel(t.Context())
			_, _, err := s.objects.put(ctx, key, "text/plain", "", io.MultiReader(random(6, 100), callback(cancel), random(7, 100)))
			require.ErrorIs(t, err, context.Canceled)
		}
		var left int64
		require.NoError(t, s.db.Model(&Upload{}).Count(&left).Error)
		require.Zero(t, left, "no lease has to run out")
		s.holdsExactly(t, map[string]string{"key": "old"})
		s.tidy(t)
	})
}

// Who has begun to read an object reads it to its end, whatever becomes of it.
func TestReaderKeepsWhatItHasOpened(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.store(t, "key", "first")
		whole := func(o Object) (int64, int64, error) { return 0, o.Size, nil }
		_, r, err := s.objects.open(t.Context(), s.row(t, "key"), whole)
		require.NoError(t, err)
		defer r.Close()
		old := s.row(t, "key")
		s.store(t, "key", "second")
		s.sweepAll(t)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "first", string(text))

		o, r, err := s.objects.open(t.Context(), old, whole) // looked up before, opened after
		require.NoError(t, err)
		defer r.Close()
		text, err = io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "second", string(text))
		require.Equal(t, digest("second"), o.SHA256)

		require.NoError(t, s.objects.delete(t.Context(), "key"))
		s.sweepAll(t)
		_, _, err = s.objects.open(t.Context(), o, whole)
		require.Equal(t, errs.NotFound, errs.KindOf(err))
	})
}

func TestLostContentIsNoMissingObject(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		s.store(t, "key", "content")
		o := s.row(t, "key")
		require.NoError(t, s.present(t).remove(t.Context(), o.Name))
		_, _, err := s.objects.open(t.Context(), o, func(o Object) (int64, int64, error) { return 0, o.Size, nil })
		require.Equal(t, errs.Unavailable, errs.KindOf(err))
		require.Contains(t, s.log.String(), "storage object without content")
	})
}

func TestWritersWaitForTheEndOfAFreeze(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.store(t, "key", "old")
		require.NoError(t, s.db.Exec("UPDATE storage_state SET frozen_until = ?", s.db.NowFunc().Add(time.Hour)).Error)
		s.objects.patience = 250 * time.Millisecond
		_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", strings.NewReader("new"))
		var e *errs.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, errs.Unavailable, e.Kind)
		require.Positive(t, e.RetryAfter)
		s.holdsExactly(t, map[string]string{"key": "old"})
		require.NoError(t, s.objects.delete(t.Context(), "key"), "who deletes does not wait")

		s.objects.patience = patience
		done := make(chan error, 1)
		go func() {
			_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", strings.NewReader("new"))
			done <- err
		}()
		require.Eventually(t, func() bool {
			var waiting int64
			return s.db.Model(&Upload{}).Count(&waiting).Error == nil && waiting == 1
		}, patience, time.Millisecond)
		require.Empty(t, done)
		require.NoError(t, s.db.Exec("UPDATE storage_state SET frozen_until = NULL").Error)
		require.NoError(t, <-done)
		s.holdsExactly(t, map[string]string{"key": "new"})
		s.tidy(t)
	})
}

// An upload that began before the switch ends at the place that is active then.
func TestUploadFollowsTheSwitch(t *testing.T) {
	eachSite(t, func(t *testing.T, s *site) {
		first := s.present(t)
		size := int64(partSize + 100)
		sum := func() string {
			text, err := io.ReadAll(random(8, size))
			require.NoError(t, err)
			return digest(string(text))
		}()
		o, created, err := s.objects.put(t.Context(), "key", "text/plain", sum, io.MultiReader(random(8, size), callback(func() {
			settle(t, s.backends, s.local("second"))
		})))
		require.NoError(t, err)
		require.True(t, created)
		require.NotEqual(t, first.id, o.BackendID)
		text, there, err := s.read(t.Context(), "key")
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, sum, digest(text))
		s.tidy(t)
		require.Empty(t, listed(t, first, ""), "nothing stays at the first place")
	})
}

// A damaged copy is no copy.
func TestUploadThatIsDamagedOnTheWayIsRefused(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		s.spoil(t, &faulty{onWrite: func(_ context.Context, _ string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			text[0] ^= 1
			return next(bytes.NewReader(text))
		}})
		_, _, err := s.objects.put(t.Context(), "key", "text/plain", "", io.MultiReader(strings.NewReader("content"), callback(func() {
			settle(t, s.backends, s.local("second"))
		})))
		require.True(t, passing(err), "%v", err)
		s.holdsExactly(t, map[string]string{})
		s.tidy(t)
	})
}
