package storage

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// A place is the same however it is spelled, and so is one within it or around it.
func TestTheSamePlaceIsRefused(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 5)
		all["sub"] = "a file with the name of a folder that may be meant"
		s.store(t, "sub", all["sub"])
		refused := func(name string, to place) {
			t.Helper()
			_, err := s.begin(t.Context(), to)
			require.Error(t, err, name)
			require.Equal(t, errSamePlace().Error(), err.Error(), name)
			status, err := s.status(t.Context())
			require.NoError(t, err)
			require.NotEqual(t, stateCopying, status.State)
		}
		objects := filepath.Join(s.dir, "objects")
		require.NoError(t, os.Symlink(objects, filepath.Join(s.dir, "linked")))
		for _, root := range []string{"objects", "objects/", objects, objects + "/../objects", "objects/inside", "linked", "linked/inside/deeper"} {
			to, err := s.backends.parse(kindLocal, configIn{Root: web.Some(root)})
			require.NoError(t, err)
			refused(root, to)
		}

		bucket := testkit.NewS3(t)
		served, err := s.backends.parse(kindLocal, configIn{Root: web.Some(bucket.Dir)})
		require.NoError(t, err)
		s.run(t)
		s.begun(t, s.bucket(bucket, "some/folder"))
		require.Equal(t, stateCompleted, s.ends(t).State)
		named := bucket
		named.Endpoint = strings.Replace(bucket.Endpoint, "127.0.0.1", "localhost", 1)
		require.NotEqual(t, bucket.Endpoint, named.Endpoint)
		for _, prefix := range []string{"some/folder", "/some/folder/", "some/folder/inside", "some", ""} {
			refused("by address: "+prefix, s.bucket(bucket, prefix))
			refused("by name: "+prefix, s.bucket(named, prefix))
		}
		refused("the folder that the service has the bucket in", served)
		s.holdsExactly(t, all)
		require.Len(t, bucketKeys(t, s), len(all), "no probe is left")

		s.begun(t, s.bucket(named, "some/folder-beside")) // which only begins with the same letters
		require.Equal(t, stateCompleted, s.ends(t).State)
		s.begun(t, s.bucket(bucket, "sub")) // a key of which there is, but no folder
		require.Equal(t, stateCompleted, s.ends(t).State)
		s.holdsExactly(t, all)
	})
}

// bucketKeys are all names at the active backend.
func bucketKeys(t testing.TB, s *site) (names []string) {
	t.Helper()
	b, err := s.backends.get(t.Context(), s.activeID(t))
	require.NoError(t, err)
	require.NoError(t, b.list(t.Context(), "", func(name string, _ int64) error { names = append(names, name); return nil }))
	return names
}

// A place that cannot be used is told with its reason, and nothing begins.
func TestPlacesThatCannotBeUsed(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		bucket := testkit.NewS3(t)
		wrongSecret, noBucket, nobody := bucket, bucket, bucket
		wrongSecret.SecretAccessKey = "not-the-secret-of-anybody"
		noBucket.Bucket = "there-is-none"
		nobody.Endpoint = "http://127.0.0.1:1"
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "file"), nil, 0o600))
		for reason, to := range map[string]place{
			refused: s.bucket(wrongSecret, ""), "Bucket not found": s.bucket(noBucket, ""), unreachable: s.bucket(nobody, ""), inTheWay: s.local("file"),
		} {
			_, err := s.begin(t.Context(), to)
			require.Equal(t, errs.BadRequest, errs.KindOf(err), reason)
			var told *errs.Error
			require.ErrorAs(t, err, &told)
			require.Contains(t, told.Detail, reason)
			for _, never := range []string{"not-the-secret", "127.0.0.1", "there-is-none"} {
				require.NotContains(t, told.Detail, never)
			}
		}
		status, err := s.status(t.Context())
		require.NoError(t, err)
		require.Equal(t, stateIdle, status.State)
	})
}

// Of many starts at once, on whatever replica, one begins.
func TestManyStartsMakeOneJob(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		replicas := []*replica{s.replica, s.join()}
		var mu sync.Mutex
		kinds := map[errs.Kind]int{}
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range 50 {
			all.Go(func() {
				<-start
				_, err := replicas[i%2].begin(t.Context(), s.local([]string{"one", "two"}[i%2]))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					kinds[errs.Internal]++ // which no error has
					return
				}
				kinds[errs.KindOf(err)]++
			})
		}
		close(start)
		all.Wait()
		require.Equal(t, map[errs.Kind]int{errs.Internal: 1, errs.Conflict: 49}, kinds)
		var jobs int64
		require.NoError(t, s.db.Model(&Job{}).Count(&jobs).Error)
		require.EqualValues(t, 1, jobs)
	})
}
