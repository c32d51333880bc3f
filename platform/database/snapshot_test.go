package database_test

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

// A view stays at its moment whatever others write, and for as long as its user takes over something else.
func TestSnapshotKeepsItsMoment(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db, beside := d.Open(t), d.Open(t)
		require.NoError(t, beside.Create(&thing{ID: "1", Name: "one"}).Error)
		require.NoError(t, database.Snapshot(t.Context(), []*gorm.DB{db}, func(views []*gorm.DB) error {
			for range 2 { // the first look may be what takes the moment
				var seen int64
				require.NoError(t, views[0].Model(&thing{}).Count(&seen).Error)
				require.EqualValues(t, 1, seen)
				another := rand.Text()[:8]
				require.NoError(t, beside.Create(&thing{ID: another, Name: another}).Error)
			}
			if d.Name == "postgres" {
				var limit string
				require.NoError(t, views[0].Raw("SHOW idle_in_transaction_session_timeout").Scan(&limit).Error)
				require.Equal(t, "0", limit)
			}
			return nil
		}))
	})
}
