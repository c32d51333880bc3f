package docservice

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/feature"
)

// A key of the service's own takes the place of the workspace's, at the AI for which it was stored and nowhere else.
func TestOwnKey(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		other := newFakeAI(t)
		d := f.added(ann, "a.pdf")
		f.category("Alpha")
		shown := func(to *fakeAI) string {
			f.forget()
			before := len(to.calls())
			f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
			require.Len(t, to.calls(), before+1)
			return to.calls()[before].authorization
		}
		require.Equal(t, "Bearer "+canary, shown(m))
		f.set(`{"api_key":"own-key"}`).is(200)
		require.Equal(t, "Bearer own-key", shown(m))
		g.use(other)
		require.Equal(t, "Bearer "+canary, shown(other), "another address")
		f.set(`{"api_key":"key-of-other"}`).is(200)
		require.Equal(t, "Bearer key-of-other", shown(other))
		g.use(m)
		require.Equal(t, "Bearer "+canary, shown(m))
		g.use(other)
		require.Equal(t, "Bearer key-of-other", shown(other))
		f.set(`{"retention_days":500}`).is(200)
		require.Equal(t, "Bearer key-of-other", shown(other), "other changes leave it where it is")
		f.set(`{"api_key":null}`).is(200)
		require.Equal(t, "Bearer "+canary, shown(other))
	})
}

// The address is the one at the moment that the key is stored, not one that was heard of before.
func TestOwnKeyIsForTheAddressOfNow(t *testing.T) {
	g, m, other := newFakeGateway(t), newFakeAI(t), newFakeAI(t)
	g.use(m)
	f := start(t, Config{Gateway: g.at()})
	_, err := f.gateway.ai.get(t.Context())
	require.NoError(t, err)
	g.use(other)
	f.set(`{"api_key":"for-other"}`).is(200)
	var row settingsRow
	require.NoError(t, f.db.Take(&row).Error)
	require.Equal(t, "openai_compatible "+other.URL+"/v1", row.APIKeyFor)

	g.fail(500)
	f.set(`{"api_key":"for-nobody","retention_days":4}`).is(503, "cannot be read at the moment")
	g.fail(0)
	for _, none := range []string{
		`{"provider":null,"providers":{},"allowed_hosts":[]}`, "", `{"provider":"openai_compatible","providers":{"openai_compatible":{"model":"m"}}}`,
	} {
		g.set("ai", none)
		f.set(`{"api_key":"for-nobody","retention_days":4}`).is(400, "There is no AI yet")
	}
	f.call(root, "GET", settingsPath, "").is(200, `"retention_days":null,"api_key":"for-other"`)
	f.set(`{"retention_days":4}`).is(200)
	f.set(`{"api_key":null}`).is(200)

	g.set("ai", `{"provider":"openai","providers":{"openai":{"model":"m","base_url":null}}}`)
	f.set(`{"api_key":"for-openai"}`).is(200)
	require.NoError(t, f.db.Take(&row).Error)
	require.Equal(t, "openai https://api.openai.com/v1", row.APIKeyFor, "the provider's own address, by its name")

	f.close()
	f.config.Gateway = feature.Gateway{}
	f.open()
	f.set(`{"api_key":"for-nobody"}`).is(400, "There is no AI yet")
}

// A key that was lost is not silently replaced by the workspace's; a lost one of the workspace does no harm beside it.
func TestOwnKeyLost(t *testing.T) {
	g, m := newFakeGateway(t), newFakeAI(t)
	g.use(m)
	f := start(t, Config{Gateway: g.at()})
	d := f.added(ann, "a.pdf")
	f.category("Alpha")
	f.set(`{"api_key":"own-key"}`).is(200)
	settings := g.settings["ai"]
	g.set("ai", strings.Replace(settings, `"has_api_key":true`, `"has_api_key":true,"api_key_error":"lost"`, 1))
	f.forget()
	f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
	g.set("ai", settings)
	f.close()
	f.config.SecretKey = otherKey
	f.open()
	f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(503, "in the settings of this service cannot be decrypted")
	require.Len(t, m.calls(), 1)
	f.set(`{"api_key":null}`).is(200)
	f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
}

// The key is shown to the gateway alone and lies encrypted; no log line, error or other reply has it.
func TestOwnKeyIsSeenNowhere(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		f.close()
		log := &syncBuffer{}
		f.config.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		f.open()
		own := "own-" + canaryWord
		f.set(`{"api_key":"`+own+`"}`).is(200, `"api_key":"`+own+`"`)
		f.call(root, "GET", settingsPath, "").is(200, `"api_key":"`+own+`"`)
		f.set(`{"retention_days":7}`).is(200, `"api_key":"`+own+`"`)
		var replies strings.Builder
		note := func(r reply) { fmt.Fprintln(&replies, r.header, r.body) }
		note(f.set(`{"api_key":"` + own + ` "}`).is(422))
		note(f.set(`{"api_key":"` + own + `","x":"` + own + `"}`).is(422))
		note(f.call(ann, "PATCH", settingsPath, `{"api_key":"`+own+`"}`).is(404))
		d := f.added(ann, "a.pdf")
		f.category("Alpha")
		for _, status := range []int{401, 500} {
			m.answers(status, "Incorrect API key provided: "+own)
			note(f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(503))
		}
		require.Equal(t, "Bearer "+own, m.calls()[len(m.calls())-1].authorization)
		g.fail(500)
		note(f.set(`{"api_key":"` + own + `2"}`).is(503))
		g.fail(0)
		f.set(`{"api_key":null}`).is(200, `"api_key":null`)
		f.set(`{"api_key":"` + own + `"}`).is(200)
		f.close()
		f.config.SecretKey = otherKey
		f.open()
		note(f.call(root, "GET", settingsPath, "").is(200, `"api_key":null`))
		require.Contains(t, log.String(), `"settings":["api_key"]`)
		require.Contains(t, log.String(), `"user_id":"`+root.id+`"`)
		require.Contains(t, log.String(), "is lost")
		for where, text := range map[string]string{"log": log.String(), "replies": replies.String(), "database": f.dump()} {
			require.NotEmpty(t, text, where)
			require.NotContains(t, text, canaryWord, where)
		}
	})
}

const otherKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestSecretKey(t *testing.T) {
	for _, bad := range []string{"hunter2", "aHVudGVyMg=="} {
		_, err := New(t.Context(), Config{DataDir: t.TempDir(), SecretKey: bad})
		require.ErrorContains(t, err, "secret_key (DOCSERVICE_SECRET_KEY)")
		require.NotContains(t, err.Error(), bad)
	}
	g := newFakeGateway(t)
	g.use(newFakeAI(t))
	f := start(t, Config{Gateway: g.at(), SecretKey: otherKey})
	f.set(`{"api_key":"of-the-first"}`).is(200)
	reopen := func(key string) string {
		f.close()
		f.config.SecretKey = key
		f.open()
		return f.call(root, "GET", settingsPath, "").is(200).body
	}
	made := "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYyE="
	require.Contains(t, reopen(made+","+otherKey), `"api_key":"of-the-first"`, "an older key still opens")
	require.Contains(t, reopen(made), `"api_key":null`)
	f.set(`{"retention_days":1}`).is(200, `"retention_days":1`)
	require.Contains(t, reopen(otherKey), `"api_key":"of-the-first"`, "and nothing is lost meanwhile")

	var row settingsRow
	require.NoError(t, f.db.Take(&row).Error)
	require.False(t, row.APIKey.IsZero())
	require.NotContains(t, fmt.Sprintf("%v %+v", row, row), "of-the-first")
	require.Error(t, f.db.Exec("UPDATE document_settings SET api_key = 'in-clear'").Error, "the database takes no other than encrypted ones")
	require.NoError(t, f.db.Exec("UPDATE document_settings SET api_key_for = 'openai https://elsewhere.example.com/v1'").Error)
	require.Contains(t, f.call(root, "GET", settingsPath, "").is(200).body, `"api_key":null`, "a key opens for no other address")
}
