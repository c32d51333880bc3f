package settings_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations"
	"portico.internal/modules"
	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/settings"
	"portico.internal/platform/app"
	"portico.internal/platform/testkit"
)

// canary is in every key of the test. It has no form by which a log could know it for a secret.
const canary = "zqxcanary"

func TestKeysShowNowhere(t *testing.T) {
	fields := settings.SecretFields()
	require.Len(t, fields, len(providers))
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		env := withFakes(map[string]string{"PORTICO_SECRET_KEY": secretKey("a")})
		w := &watch{t, gatewaytest.Start(t, gatewaytest.Spec(), d, env)}
		mirrors := newMirrors(t)
		for _, field := range fields {
			w.misuse(field)
			w.send(field, mirrors)
		}
		w.restore()
		for _, field := range fields {
			require.Equal(t, 200, w.ask(admin("PATCH", aiPath, nest(field, quote(canary+field)))).Status)
		}
		w.readAll()
		stored := behindDoor(t, w.Gateway, aiInternal, nil).Body
		for _, field := range fields {
			require.Contains(t, stored, quote(canary+field), "feature services are told")
		}
		for place, text := range dumps(t, d) {
			require.Contains(t, text, "providers.openai.api_key", "%s is not the database", place)
			nowhere(t, place, text)
		}
		require.Contains(t, w.Log.String(), `"level":"DEBUG"`)
		nowhere(t, "the log", w.Log.String())
		nowhere(t, "what the operator was told", w.Out.String())
		w.Stop(t)

		env["PORTICO_SECRET_KEY"] = secretKey("b") // the keys are lost
		w.Gateway = gatewaytest.Start(t, gatewaytest.Spec(), d, env)
		w.readAll()
		nowhere(t, "the internal door", behindDoor(t, w.Gateway, aiInternal, nil).Body)
		for _, field := range fields {
			w.send(field, mirrors)
		}
		require.NoError(t, d.Open(t).Exec("ALTER TABLE setting_secrets RENAME TO elsewhere").Error)
		require.Equal(t, 500, w.ask(admin("PATCH", aiPath, nest(fields[0], quote(canary)))).Status)
		require.Contains(t, w.Log.String(), "request failed")
		nowhere(t, "the log", w.Log.String())
	})
}

// nowhere fails where the canary shows.
func nowhere(t testing.TB, place, text string) {
	t.Helper()
	if at := strings.Index(text, canary); at >= 0 {
		t.Fatalf("the key is in %s: %q", place, text[max(0, at-300):min(len(text), at+30)])
	}
}

// watch looks at all that comes back.
type watch struct {
	*testing.T
	*testkit.Gateway
}

func (w *watch) ask(r testkit.Request) testkit.Reply {
	w.T.Helper()
	reply := w.Call(w.T, r)
	var header strings.Builder
	require.NoError(w.T, reply.Header.Write(&header))
	nowhere(w.T, fmt.Sprintf("the reply to %s %s %.200q", r.Method, r.Path, r.Body), header.String()+reply.Body)
	return reply
}

// nest makes a document that has the value at the path alone.
func nest(path, value string) string {
	for {
		at := strings.LastIndex(path, ".")
		value = fmt.Sprintf(`{%q:%s}`, path[at+1:], value)
		if at < 0 {
			return value
		}
		path = path[:at]
	}
}

func quote(text string) string { return `"` + text + `"` }

// misuse sends bodies that are wrong in every way, with a key in them.
func (w *watch) misuse(field string) {
	key := canary + field
	parent, object := field[:strings.LastIndex(field, ".")], `{"api_key":"`+key+`"}`
	invalid := []string{
		nest(field, `["`+key+`"]`), nest(field, object), nest(field, `{"`+key+`":1}`), nest(field, `""`),
		nest(field, quote(key+" x")), nest(field, quote("ü"+key)), nest(field, quote(key+`\n`)), nest(field, quote(key+long(512))), nest(field, quote("********"+key)),
		nest(field, quote(key+`\u0000`)), nest(field, quote(key+`\ud800`)), nest(field, quote(key+"\xff")),
		nest(parent, quote(key)), nest(parent, `["`+key+`"]`), nest("providers", quote(key)), quote(key), `["` + key + `"]`, `[` + object + `]`,
		nest("provider", quote(key)), nest("provider", object), `{"provider":7,"providers":` + object + `}`,
		nest(parent+".model", object), nest(parent+".model", quote(key+long(200))),
		nest(parent+".base_url", quote(key)), nest(parent+".base_url", quote("https://"+key+"@example.com")), nest(parent+".base_url", quote("https://x:"+key+"@example.com")),
		nest(parent+".base_url", quote("https://example.com?key="+key)), nest(parent+".base_url", object), nest(parent+".base_url", quote("https://example.com/"+key+long(2048))),
		nest(parent, `{"api_key":"`+key+`","api_key":"`+key+`"}`), `{"` + key + `":1,"` + key + `":2}`, nest(field, `"`+key), nest(field, key), nest(field, `'`+key+`'`),
		nest(field, quote(key)) + key, nest(field, quote(key)) + object,
	}
	for _, body := range invalid {
		require.Equal(w.T, 422, w.ask(admin("PATCH", aiPath, body)).Status, body)
		require.Equal(w.T, 422, w.ask(admin("POST", aiTestPath, body)).Status, body)
	}
	require.Equal(w.T, 413, w.ask(admin("PATCH", aiPath, nest(field, quote(key+long(1<<20))))).Status)

	good := admin("PATCH", aiPath, nest(field, quote(key)))
	for _, change := range []func(r *testkit.Request){
		func(r *testkit.Request) { r.Type = "text/plain" },
		func(r *testkit.Request) { r.Type, r.Body = "application/x-www-form-urlencoded", "api_key="+key },
		func(r *testkit.Request) { r.Header = http.Header{"If-Match": {quote(key)}} },
		func(r *testkit.Request) { r.Method = "PUT" },
		func(r *testkit.Request) { r.As = "" },
		func(r *testkit.Request) { r.As = "user@example.com" },
		func(r *testkit.Request) { r.Path += "?api_key=" + key },
		func(r *testkit.Request) { r.Path = "/api/settings/nowhere" },
	} {
		r := good
		change(&r)
		w.ask(r)
	}
}

// send has the key sent to each mirror, stored and not stored.
func (w *watch) send(field string, mirrors []string) {
	provider := strings.Split(field, ".")[1]
	for _, url := range mirrors {
		for _, prefix := range []string{"", "bad-", "busy-"} {
			body := one(provider, fmt.Sprintf(`"model":"x","base_url":%q,%s`, url, keyOf(prefix+canary+field)))
			require.Equal(w.T, 200, w.ask(admin("POST", aiTestPath, body)).Status)
		}
	}
	for _, url := range mirrors {
		body := one(provider, fmt.Sprintf(`"model":"x","base_url":%q,%s`, url, keyOf(canary+field)))
		require.Equal(w.T, 200, w.ask(admin("PATCH", aiPath, body)).Status)
		require.Equal(w.T, 200, w.ask(admin("POST", aiTestPath, "")).Status)
	}
}

// restore brings back values of the past.
func (w *watch) restore() {
	for i, c := range aiHistory(w.T, w.Gateway) {
		if i%5 == 0 {
			require.Equal(w.T, 200, w.ask(admin("POST", "/api/settings/history/"+c.ID+"/restore", "")).Status)
		}
	}
}

var idForm = regexp.MustCompile(`"id":"([^"]+)"`)

// readAll asks for everything there is to read, with every id that occurs.
func (w *watch) readAll() {
	site, _, err := app.Describe(app.Spec{Modules: modules.All(), Chain: migrations.Chain})
	require.NoError(w.T, err)
	ids := map[string]bool{}
	var behind []string
	for _, r := range site.Routes() {
		switch {
		case r.Method != "GET" || strings.HasPrefix(r.Path, "/docs"):
		case strings.Contains(r.Path, "{"):
			behind = append(behind, r.Path)
		default:
			for _, found := range idForm.FindAllStringSubmatch(w.ask(admin("GET", r.Path, "")).Body, -1) {
				ids[found[1]] = true
			}
		}
	}
	require.NotEmpty(w.T, ids)
	for _, path := range behind {
		for id := range ids {
			w.ask(admin("GET", regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, id), ""))
		}
	}
	nowhere(w.T, "the metrics", behindDoor(w.T, w.Gateway, "/metrics", nil).Body)
}
