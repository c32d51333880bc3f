package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
)

// alembic leaves the database as Alembic does at the versions.
func alembic(t *testing.T, db *gorm.DB, versions ...string) {
	t.Helper()
	require.NoError(t, db.Exec("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)").Error)
	require.NoError(t, db.Exec("DELETE FROM alembic_version").Error)
	for _, version := range versions {
		require.NoError(t, db.Exec("INSERT INTO alembic_version (version_num) VALUES (?)", version).Error)
	}
}

func TestAdoptionRecordsWhatAlembicDid(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		require.NoError(t, steps()["users"][0].Up(db))
		require.NoError(t, steps()["groups"][0].Up(db))
		require.NoError(t, db.Exec("INSERT INTO users (id) VALUES ('kept')").Error)
		alembic(t, db, rev2)
		plan := newPlan(t, text, steps())

		chain := links(t, text)
		before := schema(t, db)
		status, err := plan.Status(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, migrate.Status{Adoptable: chain[:2], Pending: chain[2:]}, status)
		require.ErrorContains(t, plan.AtHead(t.Context(), db), "Alembic")
		require.Equal(t, before, schema(t, db))

		applied, err := plan.Up(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, []migrate.Applied{{Link: chain[0], Adopted: true}, {Link: chain[1], Adopted: true}, {Link: chain[2]}}, applied)
		require.NoError(t, plan.AtHead(t.Context(), db))

		var version, user string
		require.NoError(t, db.Raw("SELECT version_num FROM alembic_version").Scan(&version).Error)
		require.Equal(t, rev2, version, "Alembic's own word stays")
		require.NoError(t, db.Raw("SELECT id FROM users").Scan(&user).Error)
		require.Equal(t, "kept", user)
		applied, err = plan.Up(t.Context(), db)
		require.NoError(t, err)
		require.Empty(t, applied)
	})
}

func TestAlembicMayGoOnAfterAdoption(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		first := newPlan(t, rev1+" users create_users", map[string][]migrate.Step{"users": steps()["users"][:1]})
		_, err := first.Up(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, steps()["groups"][0].Up(db))
		alembic(t, db, rev2)

		applied, err := newPlan(t, text, steps()).Up(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, []migrate.Applied{{Link: links(t, text)[1], Adopted: true}, {Link: links(t, text)[2]}}, applied)
	})
}

func TestEmptyAlembicTableMeansNothingIsDone(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		alembic(t, db)
		applied, err := newPlan(t, text, steps()).Up(t.Context(), db)
		require.NoError(t, err)
		require.Len(t, applied, 3)
		require.False(t, applied[0].Adopted)
	})
}

func TestAdoptionStopsWhereAlembicCannotBeBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		versions []string
		want     string
	}{
		"unknown revision":  {[]string{"ffffffffffff"}, "alembic_version holds ffffffffffff, which is no revision this binary knows"},
		"two heads":         {[]string{rev1, rev2}, "alembic_version holds 111111111111, 222222222222"},
		"columns not there": {[]string{rev3}, "alembic_version says 333333333333, but the database has no groups.id, groups.at, groups.raw, users.mode"},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
				db := d.Open(t)
				require.NoError(t, steps()["users"][0].Up(db))
				alembic(t, db, c.versions...)
				before := schema(t, db)
				plan := newPlan(t, text, steps())
				_, up := plan.Up(t.Context(), db)
				_, status := plan.Status(t.Context(), db)
				for _, err := range []error{up, status, plan.AtHead(t.Context(), db)} {
					require.ErrorContains(t, err, c.want)
				}
				require.Equal(t, before, schema(t, db), "nothing is dropped, nothing is made")
			})
		})
	}
}
