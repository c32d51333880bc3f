package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// byFile moves the secrets of an environment into files, as container engines hand them over, one line end more in each.
func (e env) byFile(t *testing.T, names ...string) env {
	t.Helper()
	dir := t.TempDir()
	moved := e.with(nil)
	for _, name := range names {
		path := filepath.Join(dir, name)
		require.NotEmpty(t, e[name])
		require.NoError(t, os.WriteFile(path, []byte(e[name]+"\n"), 0o400))
		moved[name+"_FILE"] = path
		delete(moved, name)
	}
	return moved
}

// With every secret in a file the gateway is the same: it opens that database, signs with those keys, makes none of its
// own, and tells none of them.
func TestSecretsByFile(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		const token = "s3rv1ce-t0ken-" + canary
		secrets := on(d).with(env{
			"PORTICO_SECRET_KEY": newKey, "PORTICO_SERVICE_TOKEN": token,
			"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
		})
		p := in(t, secrets.byFile(t, "DATABASE_URL", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY", "PORTICO_SECRET_KEY", "PORTICO_SERVICE_TOKEN", "PORTICO_ADMIN_PASSWORD"))
		require.Equal(t, "the configuration is good\n", p.succeeds(t, "config", "check"))
		g := p.serve(t)
		signedIn := g.SignIn(t, gatewaytest.Admin, testkit.Password)
		require.Contains(t, g.get(t, signedIn, "/api/users/me").Body, `"is_admin":true`)
		var users int
		require.NoError(t, d.Open(t).Raw("SELECT count(*) FROM users").Scan(&users).Error)
		require.Equal(t, 1, users, "in the database that the file names")
		door := testkit.Gateway{URL: g.Internal}
		require.Equal(t, http.StatusOK, door.Call(t, testkit.Request{Method: http.MethodGet, Path: "/metrics", Token: token}).Status)
		for _, made := range []string{"jwt_private.pem", "jwt_public.pem", "secret.key", "service.token", "portico.db"} {
			require.NoFileExists(t, filepath.Join(g.DataDir, made))
		}
		require.Equal(t, 0, g.stop(t))
		for _, secret := range []string{token, newKey, testkit.Password, body(gatewaytest.PrivateKey)} {
			require.NotContains(t, g.out.String()+g.err.String(), secret)
		}
	})
}
