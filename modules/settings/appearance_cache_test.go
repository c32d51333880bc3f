package settings

import (
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/changes"
	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// The login page costs the database next to nothing, and shows a change at once all the same.
func TestPublicAppearanceComesFromMemory(t *testing.T) {
	plan, err := migrate.New(nil, map[string][]migrate.Step{"settings": migrations})
	require.NoError(t, err)
	testkit.Migrated(plan).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		themes := newThemes(newStore(db, nil, changes.NewFeed(db, slog.New(slog.DiscardHandler)), nil, slog.New(slog.DiscardHandler)))
		var reads atomic.Int64
		require.NoError(t, db.Callback().Row().Register("count", func(*gorm.DB) { reads.Add(1) }))
		for _, id := range []string{"ocean", "plum", "forest"} {
			_, err := themes.patchAppearance(t.Context(), &struct {
				web.IfMatch
				Body appearanceUpdate
			}{Body: appearanceUpdate{ThemeID: web.Some(id)}})
			require.NoError(t, err)
			reads.Store(0)
			for range 1000 {
				out, err := themes.getPublic(t.Context(), nil)
				require.NoError(t, err)
				require.Equal(t, id, out.Body.Theme.ID)
			}
			require.Less(t, reads.Load(), int64(100), "all but a few are answered from memory")
		}
	})
}
