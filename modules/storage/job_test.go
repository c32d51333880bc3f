package storage

import (
	"context"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestMigrationMovesEverything(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		idle, err := s.status(t.Context())
		require.NoError(t, err)
		require.Equal(t, &Status{State: stateIdle, Errors: []StatusItem{}}, idle)

		all := s.fill(t, 150)
		all["empty"] = ""
		s.store(t, "empty", "")
		s.run(t)
		from := s.activeID(t)
		s.begun(t, s.local("other"))
		end := s.ends(t)
		require.Equal(t, stateCompleted, end.State, "%+v", end)
		require.EqualValues(t, 151, end.Total)
		require.EqualValues(t, 151, end.Done)
		require.EqualValues(t, 150*36, end.BytesDone)
		require.Empty(t, end.Errors)
		require.NotEqual(t, from, s.activeID(t))
		s.holdsExactly(t, all)
		require.Len(t, files(t, s.dir+"/other"), 151)
		require.Empty(t, files(t, s.dir+"/objects"), "nothing is left at the old place")
	})
}

// A replica that is stopped leaves its migration to another one, which need not wait for the lease to run out.
func TestStoppedReplicaHandsOver(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		all := s.fill(t, 40)
		other := s.join()
		s.pace.lease, other.pace.lease = 10*patience, 10*patience
		reached := make(chan struct{})
		var writes atomic.Int32
		s.spoil(t, &faulty{onWrite: func(ctx context.Context, _ string, r io.Reader, next func(io.Reader) (written, error)) (written, error) {
			if writes.Add(1) == 10 {
				close(reached)
			}
			if writes.Load() >= 10 {
				<-ctx.Done()
				return written{}, ctx.Err()
			}
			return next(r)
		}})
		s.run(t)
		s.begun(t, s.local("other"))
		<-reached
		require.NoError(t, s.engine.stop(t.Context()))
		var uploads int64
		require.NoError(t, other.db.Model(&Upload{}).Count(&uploads).Error)
		require.Zero(t, uploads, "it gives back what it has taken")
		other.run(t)
		require.Equal(t, stateCompleted, other.ends(t).State)
		other.holdsExactly(t, all)
		require.Len(t, files(t, s.dir+"/other"), len(all))
	})
}
