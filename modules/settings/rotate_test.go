package settings_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/app"
	"portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
)

// rotates runs the command beside whatever else uses the database.
func rotates(t *testing.T, d testkit.Database, keys string) (code int, out, problems string) {
	t.Helper()
	var told, failed testkit.Output
	code = app.Run(context.Background(), gatewaytest.Spec(), app.Process{
		Args: []string{"secrets", "rotate"}, Stdin: strings.NewReader(""), Stdout: &told, Stderr: &failed,
		Environ: []string{
			"DATABASE_URL=" + d.URL, "PORTICO_DATA_DIR=" + t.TempDir(), "PORTICO_SECRET_KEY=" + keys, "PORTICO_LOG_FORMAT=json", "PORTICO_LOG_LEVEL=warn",
			"JWT_PRIVATE_KEY=" + gatewaytest.PrivateKey, "JWT_PUBLIC_KEY=" + gatewaytest.PublicKey,
		},
	})
	return code, told.String(), failed.String()
}

func TestRotate(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		code, out, _ := rotates(t, d, keyA)
		require.Zero(t, code)
		require.Equal(t, "0 encrypted anew, 0 were already\n", out)

		g := startNotes(t, d, keyA)
		does(t, g, "PATCH", "/api/notes/first", `{"mirror_token":"mirror-token-one","archive_token":"archive-token-one"}`)
		does(t, g, "PATCH", "/api/notes/a_b", `{"mirror_token":"mirror-token-two"}`)
		require.Zero(t, g.Stop(t))
		old := sealed(t, db)

		g = startNotes(t, d, keyB+","+keyA)
		does(t, g, "PATCH", "/api/notes/axb", `{"mirror_token":"mirror-token-three"}`)
		tag := g.Call(t, admin("GET", "/api/notes/first", "")).Header.Get("ETag")
		code, out, problems := rotates(t, d, keyB+","+keyA)
		require.Zero(t, code, problems)
		require.Equal(t, "3 encrypted anew, 1 were already\n", out)
		moved := sealed(t, db)
		for name, text := range moved {
			require.NotEqual(t, old[name], text, name)
			require.Equal(t, moved["notes.axb mirror.token"][:20], text[:20], "%s: of the same key", name)
		}
		code, out, _ = rotates(t, d, keyB+","+keyA)
		require.Zero(t, code)
		require.Equal(t, "0 encrypted anew, 4 were already\n", out)
		require.Equal(t, moved, sealed(t, db), "again changes nothing")

		for range 2 { // the gateway that was running meanwhile, and one that has only the new key
			require.Equal(t, map[string]opened{"mirror": {Text: "mirror-token-one"}, "archive": {Text: "archive-token-one"}}, tokens(t, g, "first"))
			require.Equal(t, "mirror-token-two", tokens(t, g, "a_b")["mirror"].Text)
			require.Equal(t, "mirror-token-three", tokens(t, g, "axb")["mirror"].Text)
			require.Equal(t, tag, g.Call(t, admin("GET", "/api/notes/first", "")).Header.Get("ETag"), "it is no change of the setting")
			require.Len(t, history(t, g, ""), 3)
			require.Zero(t, g.Stop(t))
			g = startNotes(t, d, keyB)
		}
	})
}

func TestRotateNamesWhatItCannotOpen(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		for _, by := range []struct{ keys, book, body string }{
			{keyA, "first", `{"mirror_token":"c4n4ry-w0rd-one","archive_token":"c4n4ry-w0rd-two"}`},
			{keyC, "a_b", `{"mirror_token":"c4n4ry-w0rd-three","archive_token":"c4n4ry-w0rd-four"}`},
		} {
			g := startNotes(t, d, by.keys)
			does(t, g, "PATCH", "/api/notes/"+by.book, by.body)
			require.Zero(t, g.Stop(t))
		}
		require.NoError(t, db.Exec("UPDATE setting_secrets SET sealed = sealed || 'A' WHERE setting_key = 'notes.a_b' AND field = 'archive.token'").Error)
		before := sealed(t, db)

		for _, want := range []string{"1 encrypted anew, 0 were already\n", "0 encrypted anew, 1 were already\n"} {
			code, out, problems := rotates(t, d, keyB+","+keyC)
			require.Equal(t, 1, code)
			require.Equal(t, want, out)
			lines := strings.Split(strings.TrimSpace(problems), "\n")
			require.Len(t, lines, 4, problems)
			require.Equal(t, "portico: 3 cannot be decrypted:", lines[0])
			for i, begins := range []string{"notes.a_b archive.token: " + damagedProblem, "notes.first archive.token: it was " + lostProblem, "notes.first mirror.token: it was " + lostProblem} {
				require.True(t, strings.HasPrefix(lines[i+1], "portico: "+begins), lines[i+1])
			}
			for _, secret := range []string{"c4n4ry", "v1.", keyB, keyC} {
				require.NotContains(t, out+problems, secret)
			}
		}
		after := sealed(t, db)
		for name := range before {
			if name == "notes.a_b mirror.token" {
				require.NotEqual(t, before[name], after[name])
				continue
			}
			require.Equal(t, before[name], after[name], "%s: what cannot be opened stays as it is", name)
		}
		g := startNotes(t, d, keyB+","+keyA)
		require.Equal(t, "c4n4ry-w0rd-three", tokens(t, g, "a_b")["mirror"].Text)
		require.Equal(t, "c4n4ry-w0rd-one", tokens(t, g, "first")["mirror"].Text)
	})
}

// A change that is made while the secrets are rotated is neither lost nor undone.
func TestRotateBesideChanges(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		g := startNotes(t, d, keyA)
		for _, book := range []string{"first", "a_b", "axb"} {
			does(t, g, "PATCH", "/api/notes/"+book, `{"mirror_token":"mirror-token-0","archive_token":"archive-token-`+book+`"}`)
		}
		require.Zero(t, g.Stop(t))
		g = startNotes(t, d, keyB+","+keyA)
		var all sync.WaitGroup
		for _, book := range []string{"first", "a_b", "axb"} {
			all.Go(func() {
				for i := range 10 {
					r := g.Call(t, admin("PATCH", "/api/notes/"+book, fmt.Sprintf(`{"mirror_token":"mirror-token-%d"}`, i+1)))
					if r.Status != 200 {
						t.Errorf("%d %s", r.Status, r.Body)
					}
				}
			})
		}
		all.Go(func() {
			for i := range 4 { // to and fro, so that there is always something to do
				keys := []string{keyB + "," + keyA, keyA + "," + keyB}[i%2]
				if code, _, problems := rotates(t, d, keys); code != 0 {
					t.Error(problems)
				}
			}
		})
		all.Wait()
		for _, book := range []string{"first", "a_b", "axb"} {
			require.Equal(t, map[string]opened{"mirror": {Text: "mirror-token-10"}, "archive": {Text: "archive-token-" + book}}, tokens(t, g, book))
		}
	})
}

// What somebody is about to store is waited for, and not written over with what was there before.
func TestRotateWaitsForWhoWrites(t *testing.T) {
	d := testkit.Migrated(gatewaytest.Plan(t)).Postgres(t)
	db := d.Open(t)
	g := startNotes(t, d, keyA)
	does(t, g, "PATCH", "/api/notes/first", `{"mirror_token":"mirror-token-one"}`)
	ring, err := secrets.Parse(keyA)
	require.NoError(t, err)
	writing := db.Begin()
	defer writing.Rollback()
	require.NoError(t, writing.Exec("UPDATE setting_secrets SET sealed = ?", ring.Seal("mirror-token-two", "setting_secrets/notes.first/mirror.token")).Error)

	rotated := make(chan string, 1)
	go func() {
		_, out, problems := rotates(t, d, keyB+","+keyA)
		rotated <- out + problems
	}()
	require.Eventually(t, func() bool {
		waiting := 0
		require.NoError(t, db.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting).Error)
		return waiting > 0 || len(rotated) > 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, writing.Commit().Error)
	require.Equal(t, "1 encrypted anew, 0 were already\n", <-rotated)
	require.Zero(t, g.Stop(t))
	require.Equal(t, "mirror-token-two", tokens(t, startNotes(t, d, keyB), "first")["mirror"].Text)
}
