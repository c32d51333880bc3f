package storage

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

// A backup may be of the moment at which all copies had been read back, and the copies may be gone when it is restored: on
// this machine they are not in the archive, on another one the installation has removed them since.
func TestRestoredMigrationCountsOnNoCopy(t *testing.T) {
	bucket := testkit.NewS3(t)
	for kind, want := range map[string]string{kindLocal: stateCompleted, kindS3: stateFailed} {
		t.Run(kind, func(t *testing.T) {
			tables.Each(t, func(t *testing.T, d testkit.Database) {
				s := newSite(t, d)
				all := s.fill(t, 15)
				target, copies := s.local("other"), filepath.Join(s.dir, "other")
				if kind == kindS3 {
					var err error
					target, err = s.backends.parse(kindS3, s3Config(bucket, d.Name))
					require.NoError(t, err)
					copies = filepath.Join(bucket.Dir, d.Name)
				}
				verified := make(chan struct{})
				s.at("verified", func(ctx context.Context) { close(verified); <-ctx.Done() })
				s.run(t)
				s.begun(t, target)
				<-verified
				require.NoError(t, s.engine.stop(t.Context()))
				require.Len(t, files(t, copies), len(all))
				require.NoError(t, os.RemoveAll(copies))
				require.NoError(t, os.Mkdir(copies, 0o700))

				again := s.join()
				require.NoError(t, database.Write(t.Context(), again.db, restored))
				again.run(t)
				end := again.ends(t)
				require.Equal(t, want, end.State, "%+v", end)
				again.holdsExactly(t, all)
				if want == stateFailed {
					again.begun(t, target)
					require.Equal(t, stateCompleted, again.ends(t).State)
					again.holdsExactly(t, all)
				}
				require.Len(t, files(t, copies), len(all))
			})
		})
	}
}
