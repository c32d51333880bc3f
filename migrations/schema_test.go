package migrations_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/migrations"
	"portico.internal/migrations/alembictest"
	"portico.internal/modules"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
)

var update = flag.Bool("update", false, "write the golden schemas anew")

func chain(t *testing.T) []migrate.Link {
	t.Helper()
	links, err := migrate.ParseChain(migrations.Chain)
	require.NoError(t, err)
	return links
}

// planUpTo makes the plan of a binary from when the chain was that long.
func planUpTo(t *testing.T, length int) *migrate.Plan {
	t.Helper()
	links := chain(t)[:length]
	steps := map[string][]migrate.Step{}
	for name, all := range module.Steps(modules.All()) {
		for _, step := range all {
			for _, link := range links {
				if link.Revision == step.Revision {
					steps[name] = append(steps[name], step)
				}
			}
		}
	}
	plan, err := migrate.New(links, steps)
	require.NoError(t, err)
	return plan
}

func wholePlan(t *testing.T) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(chain(t), module.Steps(modules.All()))
	require.NoError(t, err)
	return plan
}

func up(t *testing.T, db *gorm.DB, plan *migrate.Plan) []migrate.Applied {
	t.Helper()
	applied, err := plan.Up(t.Context(), db)
	require.NoError(t, err)
	return applied
}

func requireGolden(t *testing.T, d testkit.Database, db *gorm.DB) {
	t.Helper()
	schema, err := migrate.Schema(t.Context(), db)
	require.NoError(t, err)
	want, err := os.ReadFile(goldenFile(d))
	require.NoError(t, err, "go test ./migrations -update writes it")
	require.Empty(t, cmp.Diff(string(want), schema), "%s; go test ./migrations -update writes it anew", goldenFile(d))
}

func goldenFile(d testkit.Database) string { return "schema.golden." + d.Name + ".sql" }

func TestFreshInstallIsTheGoldenSchema(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		up(t, db, wholePlan(t))
		if *update {
			schema, err := migrate.Schema(t.Context(), db)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(goldenFile(d), []byte(schema), 0o644))
		}
		requireGolden(t, d, db)
	})
}

func TestUpgradeStepByStepIsTheGoldenSchema(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		for i := range chain(t) {
			require.Len(t, up(t, db, planUpTo(t, i+1)), 1)
		}
		requireGolden(t, d, db)
		require.Empty(t, up(t, db, wholePlan(t)))
	})
}

// The FastAPI backend's Alembic revisions are the first six lines, whatever follows them. The fixtures are recorded from
// the real Alembic, which has only been on PostgreSQL; on SQLite our own steps stand in for it.
func TestAdoptionAtEachAlembicRevision(t *testing.T) {
	for i, at := range chain(t)[:6] {
		adopted := func(t *testing.T, d testkit.Database) {
			for j, applied := range up(t, d.Open(t), wholePlan(t)) {
				require.Equal(t, migrate.Applied{Link: chain(t)[j], Adopted: j <= i}, applied)
			}
		}
		t.Run(at.Slug+"/postgres", func(t *testing.T) {
			d := alembictest.At(t, at.Revision)
			before := alembictest.Read(t, d)
			adopted(t, d)
			require.Equal(t, before.Of, before.Again(t, d).Of, "nothing that was there has changed")
			want, err := os.ReadFile("schema.golden.postgres.sql")
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), alembictest.Schema(t, d)))
		})
		t.Run(at.Slug+"/sqlite", func(t *testing.T) {
			d := testkit.Prepared(nil).SQLite(t)
			db := d.Open(t)
			up(t, db, planUpTo(t, i+1))
			require.NoError(t, db.Exec("DROP TABLE schema_migrations").Error)
			require.NoError(t, db.Exec("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)").Error)
			require.NoError(t, db.Exec("INSERT INTO alembic_version (version_num) VALUES (?)", at.Revision).Error)
			adopted(t, d)
			require.NoError(t, db.Exec("DROP TABLE alembic_version").Error)
			requireGolden(t, d, db)
		})
	}
}

// Addresses that are one in other spellings are no reason to stop: each account keeps its own, and all get the same key.
func TestAccountsGetTheKeysOfTheirAddresses(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		at := slices.IndexFunc(chain(t), func(link migrate.Link) bool { return link.Slug == "add_email_keys" })
		up(t, db, planUpTo(t, at))
		want := map[string]string{
			"ada@example.com": "ada@example.com", "ADA@example.com": "ada@example.com", "Ada@Example.Com": "ada@example.com",
			"björn@bücher.example": "björn@xn--bcher-kva.example", "bjo\u0308rn@BÜCHER.example": "björn@xn--bcher-kva.example",
			"Operator@LOCALHOST": "operator@localhost", "no address": "no address", "": "",
		}
		for i := range 1200 { // more than go into one statement
			email := fmt.Sprintf("user%d@example.com", i)
			want[email] = email
		}
		for email := range want {
			require.NoError(t, db.Exec("INSERT INTO users (id, email, hashed_password) VALUES (?, ?, '-')", uuid.NewString(), email).Error)
		}
		up(t, db, wholePlan(t))
		var rows []struct{ Email, EmailKey string }
		require.NoError(t, db.Raw("SELECT email, email_key FROM users").Scan(&rows).Error)
		got := map[string]string{}
		for _, row := range rows {
			got[row.Email] = row.EmailKey
		}
		require.Equal(t, want, got)
	})
}

func TestStepsSayWhichColumnsTheyAdd(t *testing.T) {
	added := map[string][]string{}
	for _, steps := range module.Steps(modules.All()) {
		for _, step := range steps {
			added[step.Revision] = step.Adds
		}
	}
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		before := map[string]bool{}
		for i, link := range chain(t) {
			up(t, db, planUpTo(t, i+1))
			var fresh []string
			for _, column := range columns(t, d, db) {
				if !before[column] {
					fresh = append(fresh, column)
				}
				before[column] = true
			}
			require.ElementsMatch(t, added[link.Revision], fresh, link)
		}
	})
}

func columns(t *testing.T, d testkit.Database, db *gorm.DB) (names []string) {
	t.Helper()
	query := map[string]string{
		"sqlite":   "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'schema_migrations'",
		"postgres": "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'",
	}[d.Name]
	require.NoError(t, db.Raw(query).Scan(&names).Error)
	return names
}

func TestChainBeginsWithTheAlembicRevisions(t *testing.T) {
	var begin string
	for _, link := range chain(t)[:6] {
		begin += fmt.Sprintln(link)
	}
	require.Equal(t, `38efeff7c45a users create_users_table
676084df61d1 profile add_profiles_table
a3f9c2d14e87 groups add_groups_and_group_memberships
c7e8f9a0b1d2 users add_dashboard_app_ids_to_users
dd6ad2f2c211 users add_color_mode_to_users
e1f2a3b4c5d6 groups add_group_member_is_admin
`, begin)
}
