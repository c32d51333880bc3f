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
		require.Equal(t, migrate.Status{Alembic: rev2, Adoptable: chain[:2], Pending: chain[2:]}, status)
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
		made     []string // by hand, beside the table of users
		want     string
	}{
		"unknown revision": {[]string{"ffffffffffff"}, nil, "alembic_version holds ffffffffffff, which is no revision this binary knows; use a newer one, or "},
		"two heads":        {[]string{rev1, rev2}, nil, "alembic_version holds 111111111111, 222222222222, where one revision is expected; bring "},
		"columns not there": {[]string{rev2}, nil,
			"alembic_version says 222222222222, but step 222222222222 groups create_groups is not there: the database has no groups.id, groups.at, groups.raw; restore it from a backup, or let the old backend run the step again (alembic stamp 111111111111, then alembic upgrade 222222222222)"},
		"some columns not there": {[]string{rev2}, []string{"CREATE TABLE groups (id VARCHAR(36) PRIMARY KEY)"},
			"the database has no groups.at, groups.raw; "},
		"columns there already": {[]string{rev1}, []string{"CREATE TABLE groups (id VARCHAR(36) PRIMARY KEY)"},
			"alembic_version says 111111111111, but the database has groups.id already, which step 222222222222 groups create_groups is to make; let the old backend "},
		"a step left out": {[]string{rev1}, []string{"ALTER TABLE users ADD COLUMN mode VARCHAR(10)"},
			"but the database has users.mode already, which step 333333333333 users add_mode is to make; "},
		"a table of nobody": {nil, nil,
			"the database has users.id already, which step 111111111111 users create_users is to make, and no record that Portico or Alembic made it; check that database.url (DATABASE_URL) names the right database"},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
				db := d.Open(t)
				require.NoError(t, steps()["users"][0].Up(db))
				alembic(t, db, c.versions...)
				for _, statement := range c.made {
					require.NoError(t, db.Exec(statement).Error)
				}
				before := schema(t, db)
				plan := newPlan(t, text, steps())
				_, up := plan.Up(t.Context(), db)
				_, status := plan.Status(t.Context(), db)
				for _, err := range []error{up, status, plan.AtHead(t.Context(), db)} {
					require.ErrorContains(t, err, c.want)
					require.ErrorContains(t, err, "; nothing was changed")
				}
				require.Equal(t, before, schema(t, db), "nothing is dropped, nothing is made")
			})
		})
	}
}

func TestExplain(t *testing.T) {
	chain := links(t, text)
	const how = "portico migrate up, or portico serve before it listens, does this in one transaction:\n"
	for _, c := range []struct {
		status migrate.Status
		want   string
	}{
		{migrate.Status{Pending: chain}, "This database has no schema yet.\n" + how + `- it runs 3 steps.
Nothing is dropped, and no value that is there is changed. Nothing has been done so far.
`},
		{migrate.Status{Alembic: rev1, Adoptable: chain[:1], Pending: chain[1:]}, "Alembic has brought this database to revision 111111111111. Portico takes it over from there.\n" + how +
			`- it records 1 step as done without running it, for what it makes is there;
- it runs 2 steps.
Nothing is dropped, and no value that is there is changed. alembic_version stays as it is. Nothing has been done so far.
`},
		{migrate.Status{Applied: chain[:2], Pending: chain[2:]}, "2 steps are applied.\n" + how + `- it runs 1 step.
Nothing is dropped, and no value that is there is changed. Nothing has been done so far.
`},
		{migrate.Status{Alembic: rev2, Applied: chain}, `This database was taken over from Alembic at revision 222222222222.
The schema is up to date: 3 steps are applied.
`},
		{migrate.Status{Applied: chain[:1]}, "The schema is up to date: 1 step is applied.\n"},
	} {
		require.Equal(t, c.want, c.status.Explain())
	}
}
