package main_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// alone is a gateway on SQLite with everything in the folder "data", and an administrator.
func alone(dir string) program {
	return program{dir: dir, env: ports.with(env{
		"JWT_PRIVATE_KEY": gatewaytest.PrivateKey, "JWT_PUBLIC_KEY": gatewaytest.PublicKey,
		"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password,
	})}
}

// until has everybody work until each of the residents is as wanted.
func (w *workspace) until(t testing.TB, g *gateway, wanted func(r *resident) bool) {
	t.Helper()
	for _, r := range w.all {
		var err error
		for until := time.Now().Add(patience); err == nil && !wanted(r) && time.Now().Before(until); {
			err = r.step(g, w.admin)
		}
		require.NoError(t, err)
		require.True(t, wanted(r), r.name)
	}
}

// SQLite goes on with a file that was removed under it, and all it takes from then on is lost: so the gateway takes nothing.
func TestDatabaseRemovedOrReplaced(t *testing.T) {
	t.Parallel()
	p := alone(t.TempDir())
	g := p.serve(t)
	w := openWorkspace(t, g)
	w.until(t, g, func(r *resident) bool { return r.acknowledged >= 5 })
	file := filepath.Join(g.DataDir, "portico.db")
	aside := file + ".aside"
	for name, replace := range map[string]func(){
		"removed":  func() {},
		"replaced": func() { copyFile(t, aside, file) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.Rename(file, aside))
			replace()
			for _, r := range []testkit.Request{
				{Method: "PATCH", Path: "/api/users/me/preferences", Token: w.all[0].token, Body: `{"app_ids":["lost"]}`},
				{Method: "POST", Path: "/api/admin/groups", Token: w.admin, Body: `{"name":"lost"}`},
				{Method: "GET", Path: "/api/admin/users", Token: w.admin},
				{Method: "GET", Path: "/health/ready"},
			} {
				reply := g.Call(t, r)
				require.Equal(t, http.StatusServiceUnavailable, reply.Status, "%s %s", r.Path, reply.Body)
				require.NotContains(t, reply.Body, "portico.db")
			}
			require.Equal(t, http.StatusOK, g.get(t, "", "/health/live").Status)
			require.Contains(t, g.err.String(), "the file of the database was removed or replaced; put it back, or stop this process")
			require.NoError(t, os.Rename(aside, file))
			require.Equal(t, http.StatusOK, g.get(t, "", "/health/ready").Status)
			w.check(t, g)
		})
	}
	g.kill(t)
	require.NoError(t, os.Rename(file, aside)) // its log stays, with what was last written
	require.Contains(t, p.fails(t, "serve"), "it is gone, and portico.db-wal is there: put the file back, or restore a backup")
	require.NoError(t, os.Rename(aside, file))
	w.check(t, p.serve(t))
}

// A file that is no sound database is told in one line, and left as it is.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	p := alone(t.TempDir())
	g := p.serve(t)
	w := openWorkspace(t, g)
	w.until(t, g, func(r *resident) bool { return r.acknowledged >= 5 })
	require.Equal(t, 0, g.stop(t))
	file := filepath.Join(g.DataDir, "portico.db")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, bad := range []struct {
		name string
		file []byte
		want string
	}{
		{"of another kind", []byte(strings.Repeat("this is no database\n", 500)), "file is not a database"},
		{"its beginning is damaged", append([]byte(strings.Repeat("x", 100)), whole[100:]...), "file is not a database"},
		{"its end is missing", whole[:len(whole)/2], "database disk image is malformed"},
		{"its schema is damaged", append(append([]byte{}, whole[:100]...), append([]byte(strings.Repeat("\xff", 4000)), whole[4100:]...)...), "database disk image is malformed"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, bad.file, 0o600))
			line := p.fails(t, "serve")
			require.Contains(t, line, bad.want)
			require.Contains(t, line, "restore a backup")
			now, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, bad.file, now)
		})
	}
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	w.check(t, p.serve(t))
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	require.NoError(t, err)
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	require.NoError(t, err)
	_, err = io.Copy(target, source)
	require.NoError(t, errors.Join(err, target.Close()))
}
