package groups

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/users"
	"portico.internal/platform/identity"
	"portico.internal/platform/testkit"
)

// Other modules hear of a change at once, though the ids are kept at hand.
func TestGroupIDsFollowEveryChangeAtOnce(t *testing.T) {
	testkit.Migrated(plan(t, len(migrations))).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		s := newService(db, nil, slog.New(slog.DiscardHandler))
		ctx := identity.With(t.Context(), &identity.Caller{ID: "root"})
		var people []string
		for _, email := range []string{"ann@example.com", "bob@example.com"} {
			id := "00000000-0000-4000-8000-00000000000" + email[:1]
			people = append(people, id)
			require.NoError(t, db.Create(&users.User{ID: id, Email: email, IsActive: true}).Error)
		}
		reads := 0
		require.NoError(t, db.Callback().Query().Register("count", func(*gorm.DB) { reads++ }))
		holds := func(want ...string) {
			t.Helper()
			for _, person := range people {
				ids, err := s.GroupIDs(ctx, person)
				require.NoError(t, err)
				require.ElementsMatch(t, want, ids)
			}
			after := reads
			for range 100 {
				_, err := s.GroupIDs(ctx, people[0])
				require.NoError(t, err)
			}
			require.Less(t, reads, after+10, "all but a few are answered from memory")
		}
		group := func(name string) string {
			g, err := s.create(ctx, groupCreate{Name: name})
			require.NoError(t, err)
			return g.ID
		}
		a, b := group("a"), group("b")
		holds()
		for _, person := range people {
			_, err := s.add(ctx, a, func(*gorm.DB) (string, error) { return person, nil })
			require.NoError(t, err)
		}
		holds(a)
		_, err := s.change(ctx, b, bulk{Add: []string{"ann@example.com", "bob@example.com"}})
		require.NoError(t, err)
		holds(a, b)
		_, err = s.change(ctx, b, bulk{Remove: []string{"ann@example.com", "bob@example.com"}})
		require.NoError(t, err)
		holds(a)
		for _, person := range people {
			require.NoError(t, s.remove(ctx, a, person, false))
		}
		holds()
		_, err = s.change(ctx, b, bulk{Add: []string{"ann@example.com", "bob@example.com"}})
		require.NoError(t, err)
		holds(b)
		require.NoError(t, s.delete(ctx, b))
		holds()
	})
}
