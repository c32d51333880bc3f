package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// run runs a command of the program to its end.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	environ = append([]string{"PORTICO_LISTEN=127.0.0.1:0", "PORTICO_INTERNAL_LISTEN=", "PORTICO_DATA_DIR=" + t.TempDir()}, environ...)
	code = app.Run(context.Background(), spec, app.Process{Args: args, Environ: environ, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log})
	return code, out.String(), log.String()
}

func TestBadSettingsStopTheStart(t *testing.T) {
	right := keyPEM{privatePEM(ourKey()), publicPEM(ourKey())}
	short := must(rsa.GenerateKey(rand.Reader, 2048))
	keys := func(private, public string) []string {
		return []string{"JWT_PRIVATE_KEY=" + private, "JWT_PUBLIC_KEY=" + public}
	}
	for _, c := range []struct {
		name    string
		environ []string
		says    []string // one for each line
	}{
		{"no public key", keys(right.private, ""), []string{"auth.public_key (JWT_PUBLIC_KEY): is missing beside the other half"}},
		{"no private key", keys("", right.public), []string{"auth.private_key (JWT_PRIVATE_KEY): is missing beside the other half"}},
		{"mismatched", keys(right.private, publicPEM(otherKey())), []string{"auth.public_key (JWT_PUBLIC_KEY): does not belong"}},
		{"short", keys(privatePEM(short), publicPEM(short)), []string{"auth.private_key (JWT_PRIVATE_KEY): has 2048 bits", "auth.public_key (JWT_PUBLIC_KEY): has 2048 bits"}},
		{"swapped", keys(right.public, right.private), []string{"auth.private_key (JWT_PRIVATE_KEY): holds a public key", "auth.public_key (JWT_PUBLIC_KEY): holds a private key"}},
		{"expires too late", []string{"EXPIRE_MINUTES=481"}, []string{"auth.expire_minutes (EXPIRE_MINUTES): must be"}},
		{"expires at once", []string{"EXPIRE_MINUTES=0"}, []string{"auth.expire_minutes (EXPIRE_MINUTES): must be"}},
		{"registration", []string{"PORTICO_REGISTRATION=canary"}, []string{"auth.registration (PORTICO_REGISTRATION): must be open or closed"}},
		{"failures", []string{"PORTICO_LOGIN_FAILURES_PER_MINUTE=-1"}, []string{"auth.login_failures_per_minute (PORTICO_LOGIN_FAILURES_PER_MINUTE): must be"}},
		{"admin without password", []string{"PORTICO_ADMIN_EMAIL=a@example.com"}, []string{"auth.admin_password (PORTICO_ADMIN_PASSWORD): is missing"}},
		{"admin without e-mail", []string{"PORTICO_ADMIN_PASSWORD=Gr8&Sturdy!canary"}, []string{"auth.admin_email (PORTICO_ADMIN_EMAIL): is missing"}},
		{"weak admin", []string{"PORTICO_ADMIN_EMAIL=canary", "PORTICO_ADMIN_PASSWORD=canary"}, []string{"auth.admin_email (PORTICO_ADMIN_EMAIL): must be an e-mail address", "auth.admin_password (PORTICO_ADMIN_PASSWORD): Password must be"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.environ, "serve")
			require.Equal(t, 1, code)
			require.Empty(t, stdout)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			require.Len(t, lines, len(c.says), stderr)
			for i, says := range c.says {
				require.Contains(t, lines[i], says)
			}
			require.NotContains(t, stderr, "canary")
			require.NotContains(t, stderr, "MII")
		})
	}
}

func TestKeysGenerate(t *testing.T) {
	code, stdout, stderr := run(t, nil, "keys", "generate")
	require.Equal(t, 0, code, stderr)
	cut := strings.Index(stdout, "-----BEGIN PUBLIC KEY-----")
	_, faults := keyPEM{stdout[:cut], stdout[cut:]}.parse()
	require.NoError(t, faults.any())

	dir := filepath.Join(t.TempDir(), "new")
	code, stdout, stderr = run(t, nil, "keys", "generate", "--dir", dir)
	require.Equal(t, 0, code, stderr)
	require.NotContains(t, stdout, "BEGIN")
	require.Len(t, strings.Split(strings.TrimSpace(stdout), "\n"), 1)
	before := must(os.ReadFile(filepath.Join(dir, privateFile)))
	must(keysIn(dir, makeOurs))

	code, _, stderr = run(t, nil, "keys", "generate", "--dir", dir)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "has keys already")
	require.Equal(t, before, must(os.ReadFile(filepath.Join(dir, privateFile))))
}

func TestConfiguredAdmin(t *testing.T) {
	emptyDatabases.Each(t, func(t *testing.T, d testkit.Database) {
		settings := map[string]string{"PORTICO_ADMIN_EMAIL": "Boss@Example.com", "PORTICO_ADMIN_PASSWORD": testkit.Password}
		g := start(t, d.URL, settings)
		requireAdmin(t, g, "boss@example.com", testkit.Password)
		require.NotContains(t, g.Out.String()+g.Log.String(), testkit.Password)
		require.Equal(t, 0, g.Stop(t))

		settings["PORTICO_ADMIN_EMAIL"] = "other@example.com"
		g = start(t, d.URL, settings)
		require.Equal(t, 401, g.Call(t, signIn("other@example.com", testkit.Password)).Status, "there is one already")
		requireAdmin(t, g, "boss@example.com", testkit.Password)
	})
}

func TestConfiguredAdminIsNotWhoeverRegistered(t *testing.T) {
	d := emptyDatabases.SQLite(t)
	g := start(t, d.URL, nil)
	g.Token(t, owner)
	require.Equal(t, 0, g.Stop(t))
	code, _, stderr := run(t, []string{"DATABASE_URL=" + d.URL, "PORTICO_ADMIN_EMAIL=" + owner, "PORTICO_ADMIN_PASSWORD=" + testkit.Password,
		"JWT_PRIVATE_KEY=" + privatePEM(ourKey()), "JWT_PUBLIC_KEY=" + publicPEM(ourKey())}, "serve")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "auth.admin_email (PORTICO_ADMIN_EMAIL): an account without admin rights has this address")
}

// Without any configuration: keys and an administrator are made, shown once, and kept.
func TestFirstStartOnAnEmptyMachine(t *testing.T) {
	settings := map[string]string{"PORTICO_DATA_DIR": t.TempDir()}
	g := testkit.StartGateway(t, spec, settings)
	shown := regexp.MustCompile(`The first administrator is (\S+) with the password (\S+) `).FindStringSubmatch(g.Out.String())
	require.Len(t, shown, 3, g.Out)
	requireAdmin(t, g, shown[1], shown[2])
	token := g.SignIn(t, shown[1], shown[2])
	require.NotContains(t, g.Log.String(), shown[2])
	require.FileExists(t, filepath.Join(g.DataDir, privateFile))
	require.Contains(t, g.Call(t, testkit.Request{Method: "GET", Path: "/health/ready"}).Body, `"keys":"ok"`)
	require.Equal(t, 0, g.Stop(t))

	g = testkit.StartGateway(t, spec, settings)
	require.NotContains(t, g.Out.String(), "password")
	require.Equal(t, 200, g.Call(t, me(token)).Status, "the token of before is good")
	requireAdmin(t, g, shown[1], shown[2])
}

func requireAdmin(t *testing.T, g *testkit.Gateway, email, password string) {
	t.Helper()
	r := g.Call(t, me(g.SignIn(t, email, password)))
	var user struct {
		Email   string
		IsAdmin bool `json:"is_admin"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.Body), &user))
	require.Equal(t, email, user.Email)
	require.True(t, user.IsAdmin)
}

func TestProofOfKeys(t *testing.T) {
	require.NoError(t, newTokens(ourPair(), 1).prove())
	require.Error(t, newTokens(&keyPair{ourKey(), &otherKey().PublicKey}, 1).prove())
}
