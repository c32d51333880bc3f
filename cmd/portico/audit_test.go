package main_test

import (
	"encoding/json"
	"net/http"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// recorded is what the audit log says.
type recorded struct {
	ID, Action, Outcome string
	Actor, Target       struct{ Kind, Name string }
	Changes             map[string]struct{ Old, New any }
}

func (g *gateway) recorded(t testing.TB, root, query string) []recorded {
	t.Helper()
	r := g.get(t, root, "/api/admin/audit?"+query)
	require.Equal(t, http.StatusOK, r.Status, r.Body)
	var list []recorded
	require.NoError(t, json.Unmarshal([]byte(r.Body), &list))
	return list
}

// What an operator does at the machine is in the audit log, under the name of the account there; and so is what the gateway
// does by itself. All of it comes back with a backup.
func TestCommandsAreRecorded(t *testing.T) {
	t.Parallel()
	self, err := user.Current()
	require.NoError(t, err)
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password}))
		g := p.serve(t)
		p.succeeds(t, "admin", "create", "--email", "ruth@example.com")
		shown := shownPassword.FindStringSubmatch(p.succeeds(t, "admin", "reset-password", "--email", "ruth@example.com"))[1]
		p.succeeds(t, "secrets", "rotate")
		p.succeeds(t, "storage", "migrate", "--backend", "local", "--root", filepath.Join(p.dir, "elsewhere"))
		root := g.SignIn(t, gatewaytest.Admin, testkit.Password)

		var did []string
		for _, e := range g.recorded(t, root, "") {
			switch e.Actor.Kind {
			case "command":
				require.Equal(t, self.Username, e.Actor.Name)
				did = append(did, e.Action+" "+e.Target.Name)
			case "system":
				did = append(did, "by itself: "+e.Action+" "+e.Target.Name)
			}
		}
		require.Equal(t, []string{
			"by itself: storage.migration_completed ", "storage.migration_started ", "secrets.rotated ",
			"user.password_set ruth@example.com", "user.created ruth@example.com", "by itself: user.created " + gatewaytest.Admin,
		}, did)
		export := g.get(t, root, "/api/admin/audit/export").Body
		require.NotContains(t, export, shown)
		require.NotContains(t, export, testkit.Password)

		before := g.recorded(t, root, "limit=1000")
		archive := filepath.Join(t.TempDir(), "backup.tar")
		p.saved(t, d, archive)
		require.Equal(t, 0, g.stop(t))
		again := p.restored(t, d, archive).serve(t)
		require.Equal(t, before, again.recorded(t, root, "limit=1000"))
		require.Equal(t, 0, again.stop(t))
	})
}
