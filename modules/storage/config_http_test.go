package storage_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/storage"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

const configPath = "/api/admin/storage-config"

// admin asks as the administrator.
func admin(method, path, body string) testkit.Request {
	return testkit.Request{Method: method, Path: path, As: gatewaytest.Admin, Body: body}
}

func TestConfigOfAFolder(t *testing.T) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) {
		get := g.Call(t, admin("GET", configPath, ""))
		require.Equal(t, 200, get.Status)
		require.Regexp(t, `^{"backend":"local","config":{"root":"objects"},"health":{"status":"healthy","latency_ms":\d+,"detail":null},"objects":0,"bytes":0}$`, get.Body)
		require.DirExists(t, filepath.Join(g.DataDir, "objects"))

		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"a", strings.NewReader("12345")).Status)
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"b", strings.NewReader("678")).Status)
		g.Run(t,
			testkit.Scenario{Request: admin("GET", configPath, ""), Status: 200, Want: []string{`"objects":2,"bytes":8`}},
			testkit.Scenario{Name: "nothing new", Request: admin("PATCH", configPath, `{"config":{}}`), Status: 200, Want: []string{`"root":"objects"`}},
			testkit.Scenario{Name: "the same root", Request: admin("PATCH", configPath, `{"backend":"local","config":{"root":"./objects"}}`), Status: 200},
			testkit.Scenario{Name: "another root", Request: admin("PATCH", configPath, `{"config":{"root":"elsewhere"}}`), Status: 400, Want: []string{"use migrate"}},
			testkit.Scenario{Name: "another backend", Request: admin("PATCH", configPath, `{"backend":"s3","config":{"bucket":"files"}}`), Status: 400, Want: []string{"use migrate"}},
			testkit.Scenario{Name: "unknown backend", Request: admin("PATCH", configPath, `{"backend":"gcs","config":{}}`), Status: 422, Want: []string{`["body","backend"]`}},
			testkit.Scenario{Name: "no config", Request: admin("PATCH", configPath, `{}`), Status: 422, Want: []string{`["body","config"]`}},
			testkit.Scenario{Name: "a bad root", Request: admin("PATCH", configPath, `{"config":{"root":"/"}}`), Status: 422, Want: []string{`["body","config","root"]`}},
			testkit.Scenario{Name: "no text", Request: admin("PATCH", configPath, `{"config":{"root":7}}`), Status: 422, Want: []string{`["body","config","root"]`}},
			testkit.Scenario{Name: "user", Request: testkit.Request{Method: "GET", Path: configPath, As: "user@example.com"}, Status: 404},
			testkit.Scenario{Name: "user's change", Request: testkit.Request{Method: "PATCH", Path: configPath, As: "user@example.com", Body: `{"config":{}}`}, Status: 404},
			testkit.Scenario{Name: "anonymous", Request: testkit.Request{Method: "GET", Path: configPath}, Status: 401},
		)
		require.NoDirExists(t, filepath.Join(g.DataDir, "elsewhere"))
	})
}

func TestConfigOfABucket(t *testing.T) {
	eachOnS3(t, func(t *testing.T, g *testkit.Gateway, s testkit.S3) {
		mask := `"secret_access_key":"********` + s.SecretAccessKey[len(s.SecretAccessKey)-4:] + `"`
		shown := []string{`"backend":"s3"`, `"bucket":"` + s.Bucket + `"`, `"prefix":"in/a/folder"`, `"endpoint":"` + s.Endpoint + `"`, `"force_path_style":true`, mask, `"status":"healthy"`}
		secret := []string{s.SecretAccessKey, "wrong-secret"}
		patch := func(config string) testkit.Request { return admin("PATCH", configPath, `{"config":{`+config+`}}`) }
		g.Run(t,
			testkit.Scenario{Request: admin("GET", configPath, ""), Status: 200, Want: shown, Not: secret},
			testkit.Scenario{Name: "nothing new", Request: patch(``), Status: 200, Want: shown, Not: secret},
			testkit.Scenario{Name: "the mask", Request: patch(mask), Status: 200, Want: shown, Not: secret},
			testkit.Scenario{Name: "the secret", Request: patch(`"secret_access_key":"` + s.SecretAccessKey + `"`), Status: 200, Want: shown, Not: secret},
			testkit.Scenario{Name: "a wrong secret", Request: patch(`"secret_access_key":"wrong-secret"`), Status: 400, Want: []string{"Credentials refused"}, Not: secret},
			testkit.Scenario{Name: "another mask", Request: patch(`"secret_access_key":"********aaaa"`), Status: 400, Not: secret},
			testkit.Scenario{Name: "a wrong key id", Request: patch(`"access_key_id":"ANOTHER"`), Status: 400, Want: []string{"Credentials refused"}, Not: secret},
			testkit.Scenario{Name: "another region", Request: patch(`"region":"us-west-2"`), Status: 400, Not: secret},
			testkit.Scenario{Name: "another bucket", Request: patch(`"bucket":"another"`), Status: 400, Want: []string{"use migrate"}, Not: secret},
			testkit.Scenario{Name: "another prefix", Request: patch(`"prefix":"in/a/folder/below"`), Status: 400, Want: []string{"use migrate"}},
			testkit.Scenario{Name: "no prefix", Request: patch(`"prefix":null`), Status: 400, Want: []string{"use migrate"}},
			testkit.Scenario{Name: "another endpoint", Request: patch(`"endpoint":"http://127.0.0.1:1"`), Status: 400, Want: []string{"use migrate"}, Not: secret},
			testkit.Scenario{Name: "another spelling", Request: patch(`"endpoint":"` + s.Endpoint + `/","prefix":"/in/a/folder/"`), Status: 200, Want: shown, Not: secret},
			testkit.Scenario{Name: "no secret", Request: patch(`"secret_access_key":null`), Status: 422, Want: []string{`["body","config","secret_access_key"]`}},
			testkit.Scenario{Name: "a number for a secret", Request: patch(`"secret_access_key":123456789012`), Status: 422, Want: []string{`["body","config","secret_access_key"]`}, Not: []string{"123456789012"}},
			testkit.Scenario{Name: "a misspelt secret", Request: admin("PATCH", configPath, `{"config":{"bucket":7,"secret_acces_key":"wrong-secret"}}`), Status: 422, Not: secret},
			testkit.Scenario{Name: "nothing is lost", Request: admin("GET", configPath, ""), Status: 200, Want: shown, Not: secret},
		)
		require.Equal(t, 201, internal(t, g, "PUT", objectsPath+"key", strings.NewReader("content")).Status)
		require.Equal(t, "content", internal(t, g, "GET", objectsPath+"key", nil).Body)
		require.NoDirExists(t, filepath.Join(s.Dir, "in/a/folder/~/probe"), "probes leave nothing")
		for _, text := range []string{s.SecretAccessKey, "wrong-secret"} {
			require.NotContains(t, g.Log.String(), text)
		}
		require.Contains(t, g.Log.String(), "storage config changed")
	})
}

func TestConfigStaysWhileAMigrationRuns(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, nil)
		require.Equal(t, 200, g.Call(t, admin("PATCH", configPath, `{"config":{}}`)).Status)
		storage.PretendMigration(t, d)
		reply := g.Call(t, admin("PATCH", configPath, `{"config":{}}`))
		require.Equal(t, 409, reply.Status, reply.Body)
	})
}

func TestHealthOfTheStorage(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		var lists atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lists.Add(1)
			w.WriteHeader(http.StatusForbidden)
		}))
		t.Cleanup(server.Close)
		storage.SettleOnS3(t, d, secretKey, testkit.S3{
			Endpoint: server.URL, Region: "eu-central-1", Bucket: "files", AccessKeyID: "AKIA", SecretAccessKey: "topsecret-topsecret",
		})
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": secretKey})
		g.Token(t, gatewaytest.Admin)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				reply := g.Call(t, admin("GET", configPath, ""))
				if reply.Status != 200 || !strings.Contains(reply.Body, `"status":"unhealthy"`) || !strings.Contains(reply.Body, `"detail":"Credentials refused"`) {
					t.Errorf("%d %s", reply.Status, reply.Body)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, lists.Load(), "one look for all who ask")
		put := internal(t, g, "PUT", objectsPath+"key", strings.NewReader("content"))
		require.Equal(t, 503, put.Status)
		require.JSONEq(t, `{"detail":"Credentials refused"}`, put.Body)
	})
}

func TestSecretsAreStoredEncrypted(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		s := testkit.NewS3(t)
		storage.SettleOnS3(t, d, secretKey, s)
		db := d.Open(t)
		var row struct{ Config, Secret string }
		require.NoError(t, db.Raw("SELECT config, secret FROM storage_backends WHERE kind = 's3'").Scan(&row).Error)
		require.NotContains(t, row.Config, s.SecretAccessKey)
		require.Regexp(t, `^v1\.[0-9a-f]{16}\.`, row.Secret)
		require.Error(t, db.Exec("UPDATE storage_backends SET secret = 'plain'").Error, "the table takes nothing else")

		// With another key nothing works, says why, and can be repaired.
		other := "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwg="
		g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": other})
		get := g.Call(t, admin("GET", configPath, ""))
		require.Equal(t, 200, get.Status)
		require.Contains(t, get.Body, `"secret_access_key":"********"`)
		require.Contains(t, get.Body, "cannot be decrypted")
		require.Equal(t, 422, g.Call(t, admin("PATCH", configPath, `{"config":{}}`)).Status)
		patch := g.Call(t, admin("PATCH", configPath, `{"config":{"secret_access_key":"`+s.SecretAccessKey+`"}}`))
		require.Equal(t, 200, patch.Status, patch.Body)
		require.Contains(t, patch.Body, `"status":"healthy"`)
	})
}

// A new key in front of the old one takes its place.
func TestSecretsFollowTheFirstKey(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		storage.SettleOnS3(t, d, secretKey, testkit.NewS3(t))
		fresh := "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwg="
		for _, keys := range []string{fresh + "," + secretKey, fresh} {
			g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_SECRET_KEY": keys})
			require.Contains(t, g.Call(t, admin("GET", configPath, "")).Body, `"status":"healthy"`)
			require.Equal(t, 0, g.Stop(t))
			var out testkit.Output
			require.Equal(t, 0, app.Run(t.Context(), gatewaytest.Spec(), app.Process{
				Args: []string{"secrets", "rotate"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
				Environ: []string{
					"DATABASE_URL=" + d.URL, "PORTICO_DATA_DIR=" + t.TempDir(), "PORTICO_SECRET_KEY=" + keys, "PORTICO_LOG_FORMAT=json",
					"JWT_PRIVATE_KEY=" + gatewaytest.PrivateKey, "JWT_PUBLIC_KEY=" + gatewaytest.PublicKey,
				},
			}), out.String())
		}
	})
}

// A folder that cannot be made is told, and the gateway runs on.
func TestFolderThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "objects"), nil, 0o600))
	gatewaytest.Each(t, map[string]string{"PORTICO_DATA_DIR": dir}, func(t *testing.T, g *testkit.Gateway) {
		get := g.Call(t, admin("GET", configPath, ""))
		require.Equal(t, 200, get.Status)
		require.Contains(t, get.Body, `"status":"unhealthy"`)
		require.NotContains(t, get.Body, dir)
		require.Equal(t, 503, internal(t, g, "PUT", objectsPath+"key", strings.NewReader("content")).Status)
	})
}
