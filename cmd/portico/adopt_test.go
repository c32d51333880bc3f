package main_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"portico.internal/migrations/alembictest"
	"portico.internal/platform/testkit"
)

const golden = "../../migrations/schema.golden.postgres.sql"

// ofFeatures are the tables of the document service in the same process, which has an order of its own.
var ofFeatures = regexp.MustCompile(`(?s)CREATE TABLE (?:doc\w+|categories) \(.*?\n\);\n(?:CREATE (?:UNIQUE )?INDEX [^\n]*\n)*`)

// takenOver requires that a gateway has the whole schema, and that all which the backend knows is as it was.
func takenOver(t *testing.T, d testkit.Database, before alembictest.Rows) {
	t.Helper()
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), ofFeatures.ReplaceAllString(alembictest.Schema(t, d), "")))
	require.Equal(t, before.Of, before.Again(t, d).Of, "what was there has not changed, alembic_version included")
}

// login tries a password, and returns the status.
func (g *gateway) login(t testing.TB, email, password string) int {
	t.Helper()
	form := url.Values{"username": {email}, "password": {password}}
	return g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/auth/login", Type: "application/x-www-form-urlencoded", Body: form.Encode()}).Status
}

func (g *gateway) tryRegister(t testing.TB, email string) testkit.Reply {
	t.Helper()
	return g.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/auth/register", Body: `{"email":"` + email + `","password":"` + testkit.Password + `"}`})
}

// A gateway takes the place of the FastAPI backend on its database and with its keys, whatever revision that was at: the
// next request works. And it gives the place back.
func TestTakeOverAndBack(t *testing.T) {
	t.Parallel()
	for at, link := range alembictest.Chain(t) {
		t.Run(link.Slug, func(t *testing.T) {
			t.Parallel()
			d := alembictest.At(t, link.Revision)
			before := alembictest.Read(t, d)
			people := alembictest.People(t)
			ada := people[0]
			e := on(d)
			e["DATABASE_URL"] = strings.Replace(e["DATABASE_URL"], "postgres://", "postgresql+asyncpg://", 1) // as the backend has it
			p := in(t, e)

			g := p.serve(t)
			takenOver(t, d, before)
			token := alembictest.Token(t, ada.ID, time.Now().Add(-time.Hour), 8*time.Hour)
			colour := map[bool]string{true: `"dark"`, false: "null"}[at >= 4]
			require.JSONEq(t, `{"id":"`+ada.ID+`","email":"ada@example.com","full_name":"Ada Lovelace","is_active":true,"is_admin":true,"color_mode":`+colour+`}`,
				g.get(t, token, "/api/users/me").Body)
			require.Equal(t, http.StatusUnauthorized, g.get(t, alembictest.Recorded(t), "/api/users/me").Status, "what has expired stays so")
			if at >= 1 {
				require.Contains(t, g.get(t, token, "/api/profile/me").Body, `"phone":"+44 (20) 7946-0000","date_of_birth":"1815-12-10","position":"Analyst","address":"12 St James's Square, „London“"`)
			}
			mine := g.get(t, token, "/api/users/me/groups").Body
			if at >= 2 {
				require.Contains(t, mine, `"name":"Engineers","description":"They <build> & mend","is_group_admin":`+map[bool]string{true: "true", false: "false"}[at >= 5]+`,"joined_at":"2024-05-02T07:08:09.010203Z"`)
				require.Contains(t, mine, `"name":"Büro"`)
			}
			if at >= 3 {
				require.JSONEq(t, `{"app_ids":["docs","crm-2"]}`, g.get(t, token, "/api/users/me/preferences").Body)
			}

			for i, person := range people {
				if i == len(people)-1 {
					require.Equal(t, http.StatusUnauthorized, g.login(t, person.Email, person.Password), "inactive")
					continue
				}
				require.Contains(t, g.get(t, g.SignIn(t, person.Email, person.Password), "/api/users/me").Body, `"email":"`+person.Email+`"`)
			}
			g.SignIn(t, "grace.hopper@EXAMPLE.com", people[1].Password)
			g.SignIn(t, "björn@xn--bcher-kva.example", people[2].Password)
			require.Equal(t, http.StatusUnauthorized, g.login(t, people[3].Email, people[4].Password), "each of two has a password of their own")
			for _, person := range people {
				if person.Email == "Operator@LOCALHOST" { // nobody can take such an address today
					continue
				}
				r := g.tryRegister(t, strings.ToUpper(person.Email))
				require.Equal(t, http.StatusBadRequest, r.Status, person.Email)
				require.JSONEq(t, `{"detail":"Email already registered"}`, r.Body)
			}
			takenOver(t, d, before)
			require.Equal(t, 0, g.stop(t))

			alembictest.Return(t, d, link.Revision)
			g = p.serve(t)
			require.Equal(t, mine, g.get(t, token, "/api/users/me/groups").Body)
			katherine := g.SignIn(t, "katherine.johnson@example.com", alembictest.Newcomers)
			g.SignIn(t, "mary@example.com", alembictest.Newcomers)
			require.Contains(t, g.get(t, katherine, "/api/users/me").Body, `"email":"Katherine.Johnson@example.com","full_name":"Katherine G. Johnson"`)
			if at >= 2 {
				require.Contains(t, g.get(t, katherine, "/api/users/me/groups").Body, `"name":"Orbits"`)
			}
			require.Equal(t, http.StatusBadRequest, g.tryRegister(t, "katherine.johnson@example.com").Status)
			require.Equal(t, http.StatusUnauthorized, g.login(t, "passing@example.com", alembictest.Newcomers))
			require.Equal(t, 0, g.stop(t))
		})
	}
}

// What cannot be believed stops the gateway with one line that says what is wrong and what helps, and stays as it is.
func TestNoTakeOver(t *testing.T) {
	t.Parallel()
	refuse := func(t *testing.T, d testkit.Database, commands []string, want ...string) {
		t.Helper()
		schema, rows := alembictest.Schema(t, d), alembictest.Read(t, d)
		p := in(t, on(d))
		for _, command := range commands {
			line := p.fails(t, strings.Fields(command)...)
			for _, part := range append(want, "; nothing was changed") {
				require.Contains(t, line, part, command)
			}
		}
		require.Equal(t, schema, alembictest.Schema(t, d))
		require.Equal(t, rows.Of, rows.Again(t, d).Of)
	}
	all, serve := []string{"migrate status", "migrate up", "serve"}, []string{"serve"}
	chain := alembictest.Chain(t)
	for i, link := range chain[1:] {
		before := chain[i].Revision
		t.Run(link.Slug+"/recorded, not there", func(t *testing.T) {
			t.Parallel()
			d := alembictest.At(t, before)
			alembictest.Says(t, d, link.Revision)
			refuse(t, d, serve, "alembic_version says "+link.Revision+", but step "+link.String()+" is not there: the database has no ",
				"(alembic stamp "+before+", then alembic upgrade "+link.Revision+")")
		})
		t.Run(link.Slug+"/there, not recorded", func(t *testing.T) {
			t.Parallel()
			d := alembictest.At(t, link.Revision)
			alembictest.Says(t, d, before)
			refuse(t, d, serve, "alembic_version says "+before+", but the database has ", " already, which step "+link.String()+" is to make; let the old backend ")
		})
	}
	last := chain[len(chain)-1].Revision
	for name, c := range map[string]struct{ change, want string }{
		"half a step":          {"DROP TABLE group_memberships", "the database has no group_memberships.group_id, group_memberships.user_id, group_memberships.joined_at; "},
		"a column is missing":  {"ALTER TABLE users DROP COLUMN color_mode", "but step dd6ad2f2c211 users add_color_mode_to_users is not there: the database has no users.color_mode; "},
		"a newer backend":      {"UPDATE alembic_version SET version_num = '0123456789ab'", "alembic_version holds 0123456789ab, which is no revision this binary knows; use a newer one, or go back to a revision of docs/guides/replace-fastapi.md"},
		"two heads":            {"INSERT INTO alembic_version VALUES ('0123456789ab')", "alembic_version holds 0123456789ab, " + last + ", where one revision is expected; "},
		"no word from Alembic": {"DROP TABLE alembic_version", "the database has users.id, users.email, users.full_name, users.hashed_password and 4 more already, which step 38efeff7c45a users create_users_table is to make, and no record that "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := alembictest.At(t, last)
			d.Script(t, c.change)
			refuse(t, d, all, c.want)
		})
	}
}

// What PostgreSQL refuses is told with what helps.
func TestNoTakeOverOfWhatIsNotOursOrInUse(t *testing.T) {
	t.Parallel()
	d := alembictest.At(t, alembictest.Chain(t)[2].Revision)
	schema, rows := alembictest.Schema(t, d), alembictest.Read(t, d)

	stranger := strings.ToLower("portico_test_" + rand.Text())
	d.Script(t, "CREATE ROLE "+stranger)
	t.Cleanup(func() { d.Script(t, "DROP ROLE "+stranger) })
	another := d
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("role", stranger)
	u.RawQuery = query.Encode()
	another.URL = u.String()
	for _, command := range []string{"migrate status", "migrate up"} {
		line := in(t, on(another)).fails(t, strings.Fields(command)...)
		require.Contains(t, line, "permission denied for table alembic_version", command)
		require.Contains(t, line, "; database.url (DATABASE_URL) must name the account that owns the tables; nothing was changed", command)
	}

	reading := d.Open(t).Begin()
	require.NoError(t, reading.Exec("SELECT 1 FROM users LIMIT 1").Error)
	line := in(t, on(d)).fails(t, "migrate", "up")
	require.Contains(t, line, "migration c7e8f9a0b1d2 users add_dashboard_app_ids_to_users: ")
	require.Contains(t, line, "; something else uses the table, such as an older backend: stop it, then start again; nothing was changed")
	require.NoError(t, reading.Rollback().Error)
	require.Equal(t, schema, alembictest.Schema(t, d))
	require.Equal(t, rows.Of, rows.Again(t, d).Of)
	require.Equal(t, 0, in(t, on(d)).serve(t).stop(t))
	takenOver(t, d, rows)
}

// Replicas that start at once take a database over once.
func TestReplicasTakeOver(t *testing.T) {
	t.Parallel()
	chain := alembictest.Chain(t)
	d := alembictest.At(t, chain[3].Revision)
	before := alembictest.Read(t, d)
	var starting [4]*process
	var programs [4]program
	for i := range starting {
		programs[i] = in(t, on(d))
		starting[i] = programs[i].start(t)
	}
	token := alembictest.Token(t, alembictest.People(t)[0].ID, time.Now(), time.Hour)
	adopted := 0
	for i, process := range starting {
		g := process.listening(t, programs[i])
		require.Equal(t, http.StatusOK, g.get(t, token, "/api/users/me").Status)
		require.Equal(t, http.StatusOK, g.get(t, "", "/health/ready").Status)
		adopted += strings.Count(process.err.String(), `"adopted":true`)
		require.Equal(t, 0, g.stop(t))
	}
	require.Equal(t, 4, adopted)
	takenOver(t, d, before)
}

// What migrate status says on the way.
func TestMigrateStatusOfAlembic(t *testing.T) {
	t.Parallel()
	d := alembictest.At(t, "dd6ad2f2c211")
	before := alembictest.Read(t, d)
	schema := alembictest.Schema(t, d)
	p := in(t, on(d))
	words, table, _ := strings.Cut(p.succeeds(t, "migrate", "status"), "\n\n")
	require.Contains(t, words, "Alembic has brought this database to revision dd6ad2f2c211. Portico takes it over from there.\n")
	require.Contains(t, words, "- it records 5 steps as done without running them, for what they make is there;\n- it runs ")
	require.Contains(t, words, "Nothing is dropped, and no value that is there is changed. alembic_version stays as it is. Nothing has been done so far.")
	require.Equal(t, 5, strings.Count(table, "adoptable  "))
	require.Regexp(t, `(?m)^pending +e1f2a3b4c5d6  groups +add_group_member_is_admin$`, table)
	require.Equal(t, schema, alembictest.Schema(t, d))

	up := p.succeeds(t, "migrate", "up")
	require.Equal(t, 5, strings.Count(up, "adopted "))
	require.Contains(t, up, "applied e1f2a3b4c5d6 groups add_group_member_is_admin\n")
	takenOver(t, d, before)
	require.Contains(t, p.succeeds(t, "migrate", "status"), "This database was taken over from Alembic at revision dd6ad2f2c211.\nThe schema is up to date: ")
}
