package migrate_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
)

const text = rev1 + " users create_users\n" + rev2 + " groups create_groups\n" + rev3 + " users add_mode"

// steps are those of the text, with another step in place of the second where one is given.
func steps(second ...func(*gorm.DB) error) map[string][]migrate.Step {
	groups := migrate.SQL("CREATE TABLE groups (id VARCHAR(36) PRIMARY KEY, at TIMESTAMPTZ NOT NULL DEFAULT now(), raw BYTEA)")
	if len(second) > 0 {
		groups = second[0]
	}
	return map[string][]migrate.Step{
		"users": {
			{Revision: rev1, Up: migrate.SQL("CREATE TABLE users (id VARCHAR(36) PRIMARY KEY)"), Adds: []string{"users.id"}},
			{Revision: rev3, Up: migrate.SQL("ALTER TABLE users ADD COLUMN mode VARCHAR(10)"), Adds: []string{"users.mode"}},
		},
		"groups": {{Revision: rev2, Up: groups, Adds: []string{"groups.id", "groups.at", "groups.raw"}}},
	}
}

func newPlan(t *testing.T, chain string, steps map[string][]migrate.Step, options ...migrate.Option) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(links(t, chain), steps, options...)
	require.NoError(t, err)
	return plan
}

func schema(t *testing.T, db *gorm.DB) string {
	t.Helper()
	found, err := migrate.Schema(t.Context(), db)
	require.NoError(t, err)
	return found
}

func revisions[T any](list []T, revision func(T) string) (out []string) {
	for _, item := range list {
		out = append(out, revision(item))
	}
	return out
}

func TestUpRunsEachStepOnce(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		plan := newPlan(t, text, steps())

		status, err := plan.Status(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, migrate.Status{Pending: links(t, text)}, status)
		require.ErrorContains(t, plan.AtHead(t.Context(), db), "lacks 3 migrations, first 111111111111 users create_users")
		require.NotContains(t, schema(t, db), "CREATE", "looking changes nothing")

		applied, err := plan.Up(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, links(t, text), []migrate.Link{applied[0].Link, applied[1].Link, applied[2].Link})
		require.NoError(t, plan.AtHead(t.Context(), db))
		status, err = plan.Status(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, migrate.Status{Applied: links(t, text)}, status)
		require.NoError(t, db.Exec("INSERT INTO users (id, mode) VALUES ('1', 'dark')").Error)

		applied, err = plan.Up(t.Context(), db)
		require.NoError(t, err)
		require.Empty(t, applied)
	})
}

func TestEightStartersMakeTheSchemaOnce(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		var runs, recorded atomic.Int32
		plan := newPlan(t, text, steps(func(tx *gorm.DB) error {
			runs.Add(1)
			return tx.Exec("CREATE TABLE groups (id VARCHAR(36) PRIMARY KEY)").Error
		}))
		var all sync.WaitGroup
		failures := make([]error, 8)
		for i := range failures {
			db := d.Open(t) // a pool each, as processes have
			all.Go(func() {
				applied, err := plan.Up(t.Context(), db)
				recorded.Add(int32(len(applied)))
				failures[i] = errors.Join(err, plan.AtHead(t.Context(), db))
			})
		}
		all.Wait()
		require.NoError(t, errors.Join(failures...))
		require.EqualValues(t, 1, runs.Load())
		require.EqualValues(t, 3, recorded.Load())
	})
}

func TestFailingStepLeavesNothing(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		bug := errors.New("a bug")
		half := newPlan(t, text, steps(func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("CREATE TABLE groups (id VARCHAR(36) PRIMARY KEY)").Error)
			return bug
		}))
		applied, err := half.Up(t.Context(), db)
		require.ErrorIs(t, err, bug)
		require.ErrorContains(t, err, "migration 222222222222 groups create_groups: ")
		require.Empty(t, applied)
		require.NotContains(t, schema(t, db), "CREATE")

		_, err = newPlan(t, text, steps()).Up(t.Context(), db)
		require.NoError(t, err)
	})
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		_, err := newPlan(t, text+"\n"+rev4+" users later", withStep(steps(), "users", rev4)).Up(t.Context(), db)
		require.NoError(t, err)
		before := schema(t, db)

		older := newPlan(t, text, steps())
		_, up := older.Up(t.Context(), db)
		_, status := older.Status(t.Context(), db)
		for _, err := range []error{up, status, older.AtHead(t.Context(), db)} {
			require.ErrorContains(t, err, "newer than this binary")
			require.ErrorContains(t, err, rev4)
		}
		require.Equal(t, before, schema(t, db))
	})
}

func withStep(steps map[string][]migrate.Step, module, revision string) map[string][]migrate.Step {
	steps[module] = append(steps[module], migrate.Step{Revision: revision, Up: nothing})
	return steps
}

func TestModulesMayBeAbsentAndComeLater(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		less := steps()
		delete(less, "groups")
		small := newPlan(t, text, less)
		_, err := small.Up(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, small.AtHead(t.Context(), db))

		whole := newPlan(t, text, withStep(steps(), "crm", rev4))
		applied, err := whole.Up(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, []string{rev2, rev4}, revisions(applied, func(a migrate.Applied) string { return a.Revision }))
		without := newPlan(t, text, less)
		require.ErrorContains(t, without.AtHead(t.Context(), db), rev4, "the step of a module no chain knows")
	})
}

func TestSecondPlanKeepsItsOwnRecords(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		alembic(t, db, "ffffffffffff") // not its business
		own := newPlan(t, "", map[string][]migrate.Step{"docs": {{Revision: rev4, Up: nothing}}}, migrate.Table("docs_migrations"))
		_, err := own.Up(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, own.AtHead(t.Context(), db))
		alembic(t, db, rev2)
		_, err = newPlan(t, text, steps()).Status(t.Context(), db)
		require.ErrorContains(t, err, "has no users.id", "it does not mistake the other plan's records for its own")
	})
}

func TestStarterWaitsForALongMigrationElsewhere(t *testing.T) {
	d := testkit.Prepared(nil).SQLite(t)
	db, other := d.Open(t), d.Open(t)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	require.NoError(t, db.Exec("PRAGMA busy_timeout = 10").Error) // so that its patience with the file ends at once
	held := other.Begin()
	require.NoError(t, held.Error)

	done := make(chan error, 1)
	go func() {
		_, err := newPlan(t, text, steps()).Up(t.Context(), db)
		done <- err
	}()
	select {
	case err := <-done:
		require.Fail(t, "it did not wait", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, held.Rollback().Error)
	require.NoError(t, <-done)
}

// A process that runs already is content with a database that a newer one has taken further; one that starts is not.
func TestNewerStepsLeaveADatabaseUsable(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		before := newPlan(t, text, steps())
		require.ErrorContains(t, before.Usable(t.Context(), db), "lacks migration 111111111111 users create_users")
		_, err := before.Up(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, before.Usable(t.Context(), db))

		more := steps()
		more["users"] = append(more["users"], migrate.Step{Revision: rev4, Up: migrate.SQL("ALTER TABLE users ADD COLUMN size VARCHAR(10) NOT NULL DEFAULT ''")})
		after := newPlan(t, text+"\n"+rev4+" users add_size", more)
		require.ErrorContains(t, after.Usable(t.Context(), db), "lacks migration 444444444444 users add_size")
		_, err = after.Up(t.Context(), db)
		require.NoError(t, err)
		require.NoError(t, after.Usable(t.Context(), db))
		require.NoError(t, before.Usable(t.Context(), db))
		require.ErrorContains(t, before.AtHead(t.Context(), db), "start the version that made them")

		require.NoError(t, db.Exec("DELETE FROM schema_migrations WHERE id = ?", rev2).Error)
		require.ErrorContains(t, before.Usable(t.Context(), db), "lacks migration 222222222222 groups create_groups")
	})
}
