package storage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// Every replica has the new credentials within a second, and a place has one row however often it is added.
func TestReplicasFollowAChangeOfTheConfig(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		other := s.join()
		in := s3Config(testkit.NewS3(t), "")
		p, err := s.backends.parse(kindS3, in)
		require.NoError(t, err)
		id := settle(t, s.backends, p)
		before, err := other.backends.get(t.Context(), id)
		require.NoError(t, err)
		again, err := other.backends.get(t.Context(), id)
		require.NoError(t, err)
		require.Same(t, before, again, "it is opened once")
		require.Equal(t, id, settle(t, s.backends, p))

		changed, err := s.backends.parse(kindS3, in)
		require.NoError(t, err)
		changed.spec.(*s3Spec).SecretAccessKey = "another-secret"
		var row Backend
		require.NoError(t, s.db.Where("id = ?", id).Take(&row).Error)
		require.NoError(t, newSettings(s.db, nil, s.engine.log, s.backends).store(t.Context(), row, changed))
		require.Eventually(t, func() bool {
			now, err := other.backends.get(t.Context(), id)
			return err == nil && now.version == row.Version+1
		}, patience, 10*time.Millisecond)
		after, err := s.backends.get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, refused, reason(answers(t.Context(), after)))
		require.NoError(t, answers(t.Context(), before), "who still has the old one goes on with it")

		changed.spec.(*s3Spec).SecretAccessKey = "a third secret"
		require.ErrorIs(t, newSettings(s.db, nil, s.engine.log, s.backends).store(t.Context(), row, changed), errChanged, "what it was made from is not there any more")
		require.Equal(t, id, settle(t, s.backends, p), "adding the place again renews it")
		require.NoError(t, s.db.Where("id = ?", id).Take(&row).Error)
		require.EqualValues(t, 3, row.Version)
	})
}
