package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// nextRelease is cmd/portico with one more step, such as a release may have: it adds what the one before can do without.
const nextRelease = `package main

import (
	"os"

	"portico.internal/features/docservice"
	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/platform/app"
	"portico.internal/platform/feature"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
)

var notes = module.New("notes", module.Migrations(migrate.Step{
	Revision: "0e1d2c3b4a59",
	Up: migrate.SQL(
		"ALTER TABLE users ADD COLUMN nickname VARCHAR(100) NOT NULL DEFAULT ''",
		"CREATE TABLE notes (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL REFERENCES users (id) ON DELETE CASCADE)",
	),
	Adds: []string{"users.nickname", "notes.id", "notes.user_id"},
}))

func main() {
	os.Exit(app.Main(app.Spec{
		Modules:  append(modules.All(), notes),
		Chain:    migrations.Chain + "0e1d2c3b4a59 notes add_notes\n",
		Features: []feature.Feature{docservice.Feature},
	}))
}
`

// newer builds the next release.
var newer = sync.OnceValues(func() (string, error) {
	dir := filepath.Dir(binary)
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	source, overlay, built := filepath.Join(dir, "next.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "portico-next")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "main.go"): source}})
	if err != nil {
		return "", err
	}
	for path, content := range map[string][]byte{source: []byte(nextRelease), overlay: replace} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return "", err
		}
	}
	args := append(append([]string{"build", "-overlay", overlay}, buildFlags...), "-o", built, ".")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return built, nil
})

// A release that takes the database further does so while replicas of the one before serve. They go on, and stay ready;
// one of them that starts after that says why it cannot.
func TestOldReleaseServesBesideTheNext(t *testing.T) {
	t.Parallel()
	next, err := newer()
	require.NoError(t, err)
	eachPeopled(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		before := in(t, on(d))
		after := in(t, on(d))
		after.binary = next
		old := before.serve(t)
		token := old.SignIn(t, somebody, testkit.Password)
		admin := old.SignIn(t, gatewaytest.Admin, testkit.Password)
		works := func(g *gateway, name string) {
			for _, r := range []testkit.Request{
				as(token, "GET", "/api/users/me", ""),
				as(token, "PATCH", "/api/users/me/preferences", `{"app_ids":["`+name+`"]}`),
				as(admin, "GET", "/api/admin/users?q=ann", ""),
				as(admin, "POST", "/api/admin/groups", `{"name":"`+name+`"}`),
			} {
				status := g.Call(t, r).Status
				assert.Contains(t, []int{http.StatusOK, http.StatusCreated}, status, "%s %s %s", name, r.Method, r.Path)
			}
		}
		works(old, "before")

		var working sync.WaitGroup
		done := make(chan struct{})
		working.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					works(old, fmt.Sprint("meanwhile-", n))
				}
			}
		})
		migrated := after.succeeds(t, "migrate", "up")
		close(done)
		working.Wait()
		require.Contains(t, migrated, "applied 0e1d2c3b4a59 notes add_notes\n")

		young := after.serve(t)
		require.Equal(t, http.StatusOK, young.get(t, "", "/health/ready").Status)
		ready := old.get(t, "", "/health/ready")
		require.Equal(t, http.StatusOK, ready.Status, ready.Body)
		require.Contains(t, ready.Body, `"schema":"ok"`)
		works(old, "old")
		works(young, "young")
		require.JSONEq(t, `{"app_ids":["young"]}`, young.get(t, token, "/api/users/me/preferences").Body)
		require.Contains(t, old.get(t, admin, "/api/admin/groups").Body, `"young"`)
		require.Contains(t, young.get(t, admin, "/api/admin/groups").Body, `"old"`)

		for _, args := range [][]string{{"serve"}, {"migrate", "up"}, {"migrate", "status"}} {
			late := in(t, on(d)).run(t, args...)
			require.Equal(t, 1, late.wait(t), "%v", args)
			found := messages(late)
			require.Len(t, found, 1, late.err)
			require.Contains(t, found[0], "newer than this binary")
			require.Contains(t, found[0], "0e1d2c3b4a59")
			require.Contains(t, found[0], "start the version that made them")
		}
		require.Equal(t, http.StatusOK, old.get(t, "", "/health/ready").Status, "nobody was harmed")
		require.Equal(t, 0, old.stop(t))
		works(young, "alone")
		require.Equal(t, 0, young.stop(t))
	})
}
