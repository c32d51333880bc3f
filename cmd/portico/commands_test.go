package main_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// succeeds runs a command that must, with nothing to complain about, and returns what it prints.
func (p program) succeeds(t testing.TB, args ...string) string {
	t.Helper()
	r := p.run(t, args...)
	require.Equal(t, 0, r.wait(t), "%v: %s", args, r.err)
	require.Empty(t, messages(r), args)
	return r.out.String()
}

// fails runs a command that must, with one line that says why, and returns that line.
func (p program) fails(t testing.TB, args ...string) string {
	t.Helper()
	r := p.run(t, args...)
	require.Equal(t, 1, r.wait(t), args)
	require.Empty(t, r.out.String(), args)
	found := messages(r)
	require.Len(t, found, 1, args)
	require.True(t, strings.HasPrefix(found[0], "portico: "), found[0])
	return found[0]
}

// untouched requires that nothing was made in the directory.
func (p program) untouched(t testing.TB) {
	t.Helper()
	entries, err := os.ReadDir(p.dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	root := p.succeeds(t, "--help")
	for command, names := range map[string][]string{
		"":                     {"serve", "migrate", "keys", "admin", "secrets", "config", "openapi", "healthcheck", "version", "backup", "restore", "--config"},
		"serve":                {"--config"},
		"migrate":              {"up", "status"},
		"migrate up":           nil,
		"migrate status":       {"applied", "adoptable", "pending"},
		"keys":                 {"generate"},
		"keys generate":        {"--dir"},
		"admin":                {"create", "reset-password"},
		"admin create":         {"--email", "--full-name", "--password-stdin"},
		"admin reset-password": {"--email", "--password-stdin"},
		"secrets":              {"rotate"},
		"secrets rotate":       {"PORTICO_SECRET_KEY", "PORTICO_SECRET_KEY_FILE"},
		"config":               {"check"},
		"config check":         {"PORTICO_CONFIG", "DATABASE_URL_FILE"},
		"openapi":              {"--internal"},
		"healthcheck":          nil,
		"module":               {"new"},
		"module new":           {"--out", "--path", "--source", "--version", "portico module new bookmarks"},
		"version":              nil,
		"backup":               {"TARGET", "--pg-dump", "Exit code"},
		"restore":              {"SOURCE", "--outside", "Exit code"},
	} {
		help := p.succeeds(t, append(strings.Fields(command), "--help")...)
		require.Contains(t, help, strings.TrimSpace("portico "+command))
		require.LessOrEqual(t, strings.Count(help, "\n"), 30, "one look must do")
		for _, name := range names {
			require.Contains(t, help, name, command)
		}
		if command != "" {
			require.Contains(t, root, strings.Fields(command)[0])
			require.Equal(t, help, p.succeeds(t, append([]string{"help"}, strings.Fields(command)...)...))
		}
	}
	require.NotContains(t, root, "completion")
	require.NotContains(t, root, "inspect", "a part of the program is no command for people")
	p.untouched(t)
}

// What is not a command fails, and does not pass for one that has done its work.
func TestNoCommand(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	for _, command := range []string{
		"serv", "serve now", "migrate", "migrate upp", "migrate up now", "keys", "keys make", "admin", "module", "module new", "module new one two", "secrets", "secrets rotate all", "config", "config chek", "version 2",
		"--listen=:80", "backup", "backup a b", "restore", "restore a b", "migrate --dry-run", "admin create", "admin reset-password",
	} {
		require.NotEmpty(t, p.fails(t, strings.Fields(command)...))
	}
	p.untouched(t)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	version := strings.TrimSpace(p.succeeds(t, "version"))
	require.Regexp(t, `^\S+$`, version)
	require.Contains(t, in(t, on(testkit.Prepared(nil).SQLite(t))).serve(t).out.String(), "Portico "+version+" listens on ")
	p.untouched(t)
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	printed := p.succeeds(t, "openapi")
	p.untouched(t)
	require.Equal(t, "3.1.0", decode[struct{ OpenAPI string }](t, printed).OpenAPI)
	served := in(t, on(testkit.Prepared(nil).SQLite(t))).serve(t).get(t, "", "/openapi.json")
	require.Equal(t, 200, served.Status)
	require.JSONEq(t, served.Body, printed)
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	p := in(t, env{
		"JWT_PRIVATE_KEY": strings.ReplaceAll(gatewaytest.PrivateKey, "\n", `\n`),
		"JWT_PUBLIC_KEY":  strings.ReplaceAll(gatewaytest.PublicKey, "\n", `\n`),
	})
	require.NotEmpty(t, p.succeeds(t, "config", "check"))
	p.env = p.env.with(env{"EXPIRE_MINUTES": "900"})
	require.Contains(t, p.fails(t, "config", "check"), "auth.expire_minutes (EXPIRE_MINUTES): ")
	p.untouched(t)
	p.env = nil
	require.Contains(t, p.fails(t, "config", "check", "--config", "nowhere.yaml"), "nowhere.yaml")
	p.untouched(t)

	example, err := filepath.Abs("../../configs/portico.example.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, p.succeeds(t, "config", "check", "--config", example))
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	g := in(t, on(testkit.Prepared(nil).SQLite(t))).serve(t)
	asking := in(t, env{"PORTICO_LISTEN": strings.TrimPrefix(g.URL, "http://")})
	require.Equal(t, "ready\n", asking.succeeds(t, "healthcheck"))
	g.stop(t)
	require.Contains(t, asking.fails(t, "healthcheck"), "nothing answers")
	asking.untouched(t)
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		p := in(t, on(d))
		states := func() map[string]int {
			count := map[string]int{}
			_, table, _ := strings.Cut(p.succeeds(t, "migrate", "status"), "\n\n")
			for line := range strings.Lines(table) {
				count[strings.Fields(line)[0]]++
			}
			return count
		}
		fresh := states()
		require.Positive(t, fresh["pending"])
		require.Equal(t, map[string]int{"pending": fresh["pending"]}, fresh)
		require.Equal(t, fresh, states(), "to look changes nothing")
		done := p.succeeds(t, "migrate", "up")
		require.Equal(t, fresh["pending"], strings.Count(done, "applied "))
		require.Equal(t, map[string]int{"applied": fresh["pending"]}, states())
		require.Equal(t, "nothing to do\n", p.succeeds(t, "migrate", "up"))

		checking := program{dir: p.dir, env: p.env.with(env{"PORTICO_MIGRATE": "check"})}
		require.Equal(t, 0, checking.serve(t).stop(t))
	})
}

func TestKeysGenerate(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	printed := p.succeeds(t, "keys", "generate")
	p.untouched(t)
	requirePair(t, []byte(printed))

	p.succeeds(t, "keys", "generate", "--dir", "keys")
	read := func() []byte {
		var both []byte
		for _, name := range []string{"jwt_private.pem", "jwt_public.pem"} {
			path := filepath.Join(p.dir, "keys", name)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			both = append(both, content...)
		}
		return both
	}
	first := read()
	requirePair(t, first)
	require.NotEqual(t, printed, string(first))
	require.Contains(t, p.fails(t, "keys", "generate", "--dir", "keys"), "has keys already")
	require.Equal(t, first, read(), "keys are never overwritten")
	require.NoError(t, os.Remove(filepath.Join(p.dir, "keys", "jwt_private.pem")))
	p.fails(t, "keys", "generate", "--dir", "keys")
}

func requirePair(t *testing.T, text []byte) {
	t.Helper()
	private, rest := pem.Decode(text)
	require.NotNil(t, private)
	public, rest := pem.Decode(rest)
	require.NotNil(t, public)
	require.Empty(t, rest)
	key, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	require.NoError(t, err)
	half, err := x509.ParsePKIXPublicKey(public.Bytes)
	require.NoError(t, err)
	require.Equal(t, 4096, key.(*rsa.PrivateKey).N.BitLen())
	require.True(t, key.(*rsa.PrivateKey).PublicKey.Equal(half))
}
