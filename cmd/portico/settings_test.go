package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// canary stands wherever a secret could be; it must not come out again.
const canary = "c4n4ry-w0rd"

// A setting that is missing or broken ends the start: the exit code says so, one line on standard error for each names
// the setting, and no value is shown, for any may be a secret.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	base := ports.with(env{"JWT_PRIVATE_KEY": gatewaytest.PrivateKey, "JWT_PUBLIC_KEY": gatewaytest.PublicKey})
	taken := silent(t).Addr().String()
	short := rsaKey(t)
	const (
		private = "auth.private_key (JWT_PRIVATE_KEY): "
		public  = "auth.public_key (JWT_PUBLIC_KEY): "
	)
	tests := map[string]struct {
		env  env
		yaml string   // of the configuration file; none when empty
		want []string // how the lines begin, after "portico: "
	}{
		"no public key":        {env: env{"JWT_PUBLIC_KEY": ""}, want: []string{public}},
		"no private key":       {env: env{"JWT_PRIVATE_KEY": ""}, want: []string{private}},
		"short keys":           {env: env{"JWT_PRIVATE_KEY": privatePEM(t, short), "JWT_PUBLIC_KEY": publicPEM(t, &short.PublicKey)}, want: []string{private, public}},
		"keys of two pairs":    {env: env{"JWT_PUBLIC_KEY": publicPEM(t, otherKey(t))}, want: []string{public}},
		"keys swapped":         {env: env{"JWT_PRIVATE_KEY": gatewaytest.PublicKey, "JWT_PUBLIC_KEY": gatewaytest.PrivateKey}, want: []string{private, public}},
		"elliptic curve":       {env: env{"JWT_PRIVATE_KEY": privatePEM(t, ecKey(t))}, want: []string{private}},
		"no PEM":               {env: env{"JWT_PRIVATE_KEY": canary + canary}, want: []string{private}},
		"damaged PEM":          {env: env{"JWT_PRIVATE_KEY": strings.Replace(gatewaytest.PrivateKey, "M", "N", 9)}, want: []string{private}},
		"unknown variable":     {env: env{"PORTICO_ADMIN_PASWORD": canary}, want: []string{"PORTICO_ADMIN_PASWORD (environment): "}},
		"unknown key":          {yaml: "auth:\n  admin_pasword: " + canary + "\n", want: []string{"auth.admin_pasword (portico.yaml line 2): "}},
		"no YAML":              {yaml: "auth: [" + canary + "\n", want: []string{"portico.yaml line "}},
		"no mapping":           {yaml: canary + "\n", want: []string{"portico.yaml line 1: "}},
		"no such file":         {env: env{"PORTICO_CONFIG": "nowhere.yaml"}, want: []string{"--config / PORTICO_CONFIG: "}},
		"too long a session":   {env: env{"EXPIRE_MINUTES": "900"}, want: []string{"auth.expire_minutes (EXPIRE_MINUTES): "}},
		"no address":           {env: env{"PORTICO_LISTEN": canary}, want: []string{"listen (PORTICO_LISTEN): "}},
		"no port":              {env: env{"PORTICO_LISTEN": "127.0.0.1:99999"}, want: []string{"listen (PORTICO_LISTEN): "}},
		"foreign address":      {env: env{"PORTICO_LISTEN": "192.0.2.1:0"}, want: []string{"listen (PORTICO_LISTEN): "}},
		"port in use":          {env: env{"PORTICO_LISTEN": taken}, want: []string{"listen (PORTICO_LISTEN): "}},
		"internal port in use": {env: env{"PORTICO_INTERNAL_LISTEN": taken}, want: []string{"internal_listen (PORTICO_INTERNAL_LISTEN): "}},
		"one port for both":    {env: env{"PORTICO_LISTEN": taken, "PORTICO_INTERNAL_LISTEN": taken}, want: []string{"internal_listen (PORTICO_INTERNAL_LISTEN): "}},
		"database refuses":     {env: unreachable("127.0.0.1:1"), want: []string{"database.url (DATABASE_URL): "}},
		"database is silent":   {env: unreachable(silent(t).Addr().String()), want: []string{"database.url (DATABASE_URL): "}},
		"another database":     {env: env{"DATABASE_URL": "mysql://root:" + canary + "@localhost/portico"}, want: []string{"database.url (DATABASE_URL): "}},
		"database URL broken":  {env: env{"DATABASE_URL": "postgres://portico:" + canary + "%zz@localhost/portico"}, want: []string{"database.url (DATABASE_URL): "}},
		"empty, only checked":  {env: env{"PORTICO_MIGRATE": "check"}, want: []string{"database.migrate (PORTICO_MIGRATE) "}},
		"short secret key":     {env: env{"PORTICO_SECRET_KEY": "YzRuNHJ5LXcwcmQ="}, want: []string{"secret_key (PORTICO_SECRET_KEY): "}},
		"short service token":  {env: env{"PORTICO_SERVICE_TOKEN": canary}, want: []string{"service_token (PORTICO_SERVICE_TOKEN): "}},
		"data in a file":       {env: env{"PORTICO_DATA_DIR": "portico.yaml"}, yaml: "{}\n", want: []string{"data_dir (PORTICO_DATA_DIR): "}},
		"unknown service":      {env: env{"PORTICO_DOCUMENTS_SERVICE": "nobody"}, want: []string{"documents.service (PORTICO_DOCUMENTS_SERVICE): "}},
		"weak first password":  {env: env{"PORTICO_ADMIN_EMAIL": "root@example.com", "PORTICO_ADMIN_PASSWORD": canary}, want: []string{"auth.admin_password (PORTICO_ADMIN_PASSWORD): "}},
		"no first password":    {env: env{"PORTICO_ADMIN_EMAIL": "root@example.com"}, want: []string{"auth.admin_password (PORTICO_ADMIN_PASSWORD): "}},
		"no such secret":       {env: env{"JWT_PRIVATE_KEY": "", "JWT_PRIVATE_KEY_FILE": canary}, want: []string{"auth.private_key (JWT_PRIVATE_KEY_FILE): "}},
		"secret given twice":   {env: env{"PORTICO_SERVICE_TOKEN": canary + canary, "PORTICO_SERVICE_TOKEN_FILE": "portico.yaml"}, want: []string{"service_token (PORTICO_SERVICE_TOKEN_FILE): "}},
		"two at once": {env: env{"EXPIRE_MINUTES": canary, "PORTICO_LOG_LEVEL": canary}, yaml: "listen: " + canary + "\n",
			want: []string{"auth.expire_minutes (EXPIRE_MINUTES): ", "log.level (PORTICO_LOG_LEVEL): "}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := in(t, base.with(test.env))
			if test.yaml != "" {
				require.NoError(t, os.WriteFile(filepath.Join(p.dir, "portico.yaml"), []byte(test.yaml), 0o600))
				p.env["PORTICO_CONFIG"] = "portico.yaml"
			}
			r := p.start(t)
			require.Positive(t, r.wait(t), "it must end by itself, with an exit code")
			requireLines(t, r, test.want...)
			requireSilent(t, r, p.env)
			require.Empty(t, r.out.String())
		})
	}
}

func TestNoSuchDatabase(t *testing.T) {
	t.Parallel()
	p := in(t, ports.with(env{"DATABASE_URL": elsewhere(t, "nowhere"), "PORTICO_DATABASE_CONNECT_TIMEOUT": "1s"}))
	r := p.start(t)
	require.Positive(t, r.wait(t))
	requireLines(t, r, "database.url (DATABASE_URL): ")
	requireSilent(t, r, p.env)
}

// A database that a newer program has worked with is left alone.
func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		require.NoError(t, d.Open(t).Exec("INSERT INTO schema_migrations (id) VALUES ('ffffffffffff')").Error)
		for _, mode := range []string{"auto", "check"} {
			r := in(t, on(d).with(env{"PORTICO_MIGRATE": mode})).run(t)
			require.Positive(t, r.wait(t))
			found := messages(r)
			require.Len(t, found, 1, r.err)
			require.Contains(t, found[0], "ffffffffffff")
			require.Contains(t, found[0], "newer")
		}
	})
}

// The data directory must be one this account may write.
func TestForeignDataDirectory(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "portico-foreign-") // t.TempDir is below one that other accounts cannot enter
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	p := program{dir: dir, env: ports}
	if os.Geteuid() == 0 { // whom no mode stops
		p.as = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	r := p.run(t)
	require.Positive(t, r.wait(t))
	requireLines(t, r, "data_dir (PORTICO_DATA_DIR): ")
}

// A data directory has one gateway at a time, and the second one does not disturb the first.
func TestDataDirectoryInUse(t *testing.T) {
	t.Parallel()
	p := in(t, on(testkit.Prepared(nil).SQLite(t)))
	g := p.serve(t)
	r := p.run(t)
	require.Positive(t, r.wait(t))
	found := messages(r)
	require.Len(t, found, 1, r.err)
	require.Contains(t, found[0], "data_dir: ")
	require.Contains(t, found[0], "another process uses it")
	require.Equal(t, 200, g.get(t, "", "/health/ready").Status)
	require.Equal(t, 0, g.stop(t))
	require.Equal(t, 0, p.serve(t).stop(t))
}

// messages are the lines for the operator, without those of the log.
func messages(r *process) []string {
	var lines []string
	for line := range strings.Lines(r.err.String()) {
		if !strings.HasPrefix(line, "{") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// requireLines requires exactly these messages, given by how they begin, each of which goes on.
func requireLines(t *testing.T, r *process, beginnings ...string) {
	t.Helper()
	found := messages(r)
	require.Len(t, found, len(beginnings), r.err)
	for i, beginning := range beginnings {
		rest, ok := strings.CutPrefix(found[i], "portico: "+beginning)
		require.True(t, ok, "%s\ndoes not begin with %s", found[i], beginning)
		require.NotEmpty(t, rest)
	}
}

// requireSilent requires that no secret of the environment comes out.
func requireSilent(t *testing.T, r *process, e env) {
	t.Helper()
	secrets := []string{canary, "YzRuNHJ5LXcwcmQ="}
	for _, name := range []string{"JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY"} {
		for line := range strings.Lines(e[name]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
				secrets = append(secrets, line)
			}
		}
	}
	for _, secret := range secrets {
		require.NotContains(t, r.out.String()+r.err.String(), secret)
	}
}

// silent holds a port until the test ends, and never answers.
func silent(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func unreachable(address string) env {
	return env{"DATABASE_URL": "postgres://portico:" + canary + "@" + address + "/portico?sslmode=disable", "PORTICO_DATABASE_CONNECT_TIMEOUT": "1s"}
}

// elsewhere is the URL of another database on the server of the tests.
func elsewhere(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(testkit.Postgres(t))
	require.NoError(t, err)
	if _, set := u.User.Password(); !set {
		u.User = url.UserPassword(u.User.Username(), canary)
	}
	u.Path = "/" + name
	return u.String()
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// otherKey looks like the public half of a pair; nobody has the private one.
func otherKey(t *testing.T) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 4095))
	require.NoError(t, err)
	return &rsa.PublicKey{N: n.SetBit(n, 4095, 1).SetBit(n, 0, 1), E: 65537}
}

func privatePEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
