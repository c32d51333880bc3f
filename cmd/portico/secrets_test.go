package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	sealing "portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
)

// Secret keys of no worth anywhere else.
const (
	oldKey = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
	newKey = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
)

// where is the place of the secret that these tests plant, in a setting of a module that is not there any more.
const where = "setting_secrets/calendar.feed/token"

func plantSecret(t *testing.T, db *gorm.DB, key string) {
	t.Helper()
	ring, err := sealing.Parse(key)
	require.NoError(t, err)
	require.NoError(t, db.Exec("INSERT INTO settings (key, value, version, updated_at) VALUES ('calendar.feed', '{}', 1, ?)", db.NowFunc()).Error)
	require.NoError(t, db.Exec("INSERT INTO setting_secrets VALUES ('calendar.feed', 'token', ?)", ring.Seal(canary, where)).Error)
}

// opens tells whether the key alone opens the planted secret.
func opens(t *testing.T, db *gorm.DB, key string) bool {
	t.Helper()
	ring, err := sealing.Parse(key)
	require.NoError(t, err)
	var sealed sealing.Sealed
	require.NoError(t, db.Raw("SELECT sealed FROM setting_secrets").Row().Scan(&sealed))
	plain, err := ring.Open(sealed, where)
	require.True(t, err != nil || plain == canary)
	return err == nil
}

// An operator changes the secret key beside a running gateway, one that has lost it is told what is lost.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		t.Parallel()
		db := d.Open(t)
		plantSecret(t, db, oldKey)
		p := in(t, on(d).with(env{"PORTICO_SECRET_KEY": newKey + "," + oldKey}))
		g := p.serve(t)
		require.Equal(t, "1 encrypted anew, 0 were already\n", p.succeeds(t, "secrets", "rotate"))
		require.True(t, opens(t, db, newKey))
		require.False(t, opens(t, db, oldKey))
		require.Equal(t, "0 encrypted anew, 1 were already\n", p.succeeds(t, "secrets", "rotate"))
		require.Equal(t, 200, g.get(t, "", "/health/ready").Status)
		require.Equal(t, 0, g.stop(t))

		p.env = p.env.with(env{"PORTICO_SECRET_KEY": oldKey})
		r := p.run(t, "secrets", "rotate")
		require.Equal(t, 1, r.wait(t))
		found := messages(r)
		require.Len(t, found, 2, r.err)
		require.Equal(t, "portico: 1 cannot be decrypted:", found[0])
		require.True(t, strings.HasPrefix(found[1], "portico: calendar.feed token: "), found[1])
		requireSilent(t, r, p.env)
		require.NotContains(t, r.out.String()+r.err.String(), "v1.")
		require.True(t, opens(t, db, newKey), "it stays as it is")
		require.Equal(t, 0, p.serve(t).stop(t), "and keeps no gateway from starting")
	})
}

// A list of keys is checked before anything is touched, and no key is shown.
func TestMalformedSecretKeys(t *testing.T) {
	t.Parallel()
	p := in(t, ports.with(env{"JWT_PRIVATE_KEY": gatewaytest.PrivateKey, "JWT_PUBLIC_KEY": gatewaytest.PublicKey}))
	for list, want := range map[string]string{
		newKey + "," + canary:                        "key 2 is not base64",
		canary + "," + newKey:                        "key 1 is not base64",
		newKey + ", " + oldKey + ",YzRuNHJ5LXcwcmQ=": "key 3 holds 11 bytes instead of 32",
		newKey + ";" + oldKey:                        "is not base64",
		", ,":                                        "is empty",
	} {
		p.env = p.env.with(env{"PORTICO_SECRET_KEY": list})
		for _, command := range []string{"config check", "secrets rotate", "serve"} {
			line := p.fails(t, strings.Fields(command)...)
			require.Equal(t, "portico: secret_key (PORTICO_SECRET_KEY): "+want, strings.Split(line, ";")[0])
			for _, secret := range []string{canary, "YzRuNHJ5", newKey[:20], oldKey[:20]} {
				require.NotContains(t, line, secret)
			}
		}
	}
	p.untouched(t)
	for _, list := range []string{newKey + "," + oldKey, " " + newKey + "\n" + oldKey + " "} {
		p.env = p.env.with(env{"PORTICO_SECRET_KEY": list})
		p.succeeds(t, "config", "check")
	}
	p.untouched(t)
}

// Feature services have a document of their own; each of the two tells nothing of the other.
func TestOpenAPIInternal(t *testing.T) {
	t.Parallel()
	p := in(t, nil)
	type document struct {
		OpenAPI string
		Info    struct{ Title string }
		Paths   map[string]map[string]struct {
			Security []map[string][]string
		}
	}
	inside, outside := decode[document](t, p.succeeds(t, "openapi", "--internal")), decode[document](t, p.succeeds(t, "openapi"))
	p.untouched(t)
	require.Equal(t, "3.1.0", inside.OpenAPI)
	require.NotEqual(t, outside.Info.Title, inside.Info.Title)
	for _, path := range []string{"/internal/settings/documents/limits", "/internal/settings/system-prompts/{service_id}", "/metrics"} {
		require.Contains(t, inside.Paths, path)
		require.NotEmpty(t, inside.Paths[path]["get"].Security, "the token is asked for: %s", path)
	}
	for path := range inside.Paths {
		require.False(t, strings.HasPrefix(path, "/api/"), path)
		require.NotContains(t, outside.Paths, path)
	}
	for path := range outside.Paths {
		require.False(t, strings.HasPrefix(path, "/internal/") || path == "/metrics", path)
	}
}
