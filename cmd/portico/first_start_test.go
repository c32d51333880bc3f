package main_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var firstAdmin = regexp.MustCompile(`(?m)^The first administrator is (\S+) with the password (\S+) `)

// With nothing configured the gateway is complete: it makes what it needs, tells the administrator's password this once,
// and finds everything again at the next start.
func TestFirstAndSecondStart(t *testing.T) {
	t.Parallel()
	p := in(t, ports)
	first := p.serve(t)

	shown := firstAdmin.FindAllStringSubmatch(first.out.String(), -1)
	require.Len(t, shown, 1, first.out)
	email, password := shown[0][1], shown[0][2]
	require.Equal(t, 1, strings.Count(first.out.String(), password))
	token := first.SignIn(t, email, password)
	me := first.get(t, token, "/api/users/me")
	require.Equal(t, http.StatusOK, me.Status)
	require.Contains(t, me.Body, `"is_admin":true`)
	content := pdf("Kept", 2, 1000)
	kept := first.ready(t, token, first.upload(t, token, content).ID)
	require.Equal(t, http.StatusOK, first.get(t, token, "/health/ready").Status)

	requirePrivate(t, p.dir)
	requireNowhere(t, first.DataDir, password)
	require.NotContains(t, first.err.String(), password)
	keys := keyFiles(t, first.DataDir)
	require.Equal(t, 0, first.stop(t))

	second := p.serve(t, "serve")
	require.NotRegexp(t, firstAdmin, second.out.String())
	require.Equal(t, me.Body, second.get(t, token, "/api/users/me").Body, "an old token, the same user")
	require.Equal(t, keys, keyFiles(t, second.DataDir))
	require.Equal(t, kept, decode[[]document](t, second.get(t, token, "/api/documents").Body)[0])
	second.content(t, token, kept.ID, content)
	require.Equal(t, 0, second.stop(t))
	require.NotContains(t, second.out.String()+second.err.String(), password)
	requirePrivate(t, p.dir)
}

// requirePrivate looks at everything the gateway has made: in its data directory alone, and for its account alone.
func requirePrivate(t *testing.T, dir string) {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		require.Equal(t, want.String(), info.Mode().Perm().String(), path)
		name, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(name))
		return err
	}))
	require.Subset(t, files, []string{
		"data", "data/portico.db", "data/jwt_private.pem", "data/jwt_public.pem", "data/secret.key", "data/service.token",
		"data/doc-service", "data/doc-service/documents.db",
	})
	for _, name := range files {
		require.True(t, name == "data" || strings.HasPrefix(name, "data/"), "%s was made outside of the data directory", name)
	}
}

// requireNowhere looks for the secret in the content of every file.
func requireNowhere(t *testing.T, dir, secret string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NotContains(t, string(content), secret, path)
		return err
	}))
}

func keyFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, name := range []string{"jwt_private.pem", "jwt_public.pem", "secret.key", "service.token"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		keys[name] = string(content)
	}
	return keys
}
