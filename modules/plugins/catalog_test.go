package plugins

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	"portico.internal/platform/identity"
	"portico.internal/platform/testkit"
	"portico.internal/platform/upstream"
)

const good = `{"id":"svc","name":"Service","version":"1.0","description":"Does things.","required_groups":["staff"],"settings_schema":{"properties":{"b":{},"a":{}}}}`

// withSchema is a manifest with a settings_schema, or with what else it may hold.
func withSchema(schema string) string {
	return `{"id":"svc","name":"Service","version":"1","settings_schema":` + schema + `}`
}

// catalogOf knows one plugin and asks it only when the test wants it to.
func catalogOf(t *testing.T, url string) (*catalog, *plugin) {
	t.Helper()
	services, err := upstream.NewRegistry([]upstream.Service{{ID: "svc", Name: "The service", URL: url, Plugin: true}, {ID: "other", URL: url}})
	require.NoError(t, err)
	t.Cleanup(services.Close)
	c := newCatalog(services, slog.New(slog.NewTextHandler(io.Discard, nil)), fxtest.NewLifecycle(t))
	require.Len(t, c.plugins, 1)
	return c, c.plugins[0]
}

func TestBadManifestsAreUnavailableWithAReason(t *testing.T) {
	const canary = "canary-of-the-service"
	reply := func(body string) func(x *testkit.Exchange) { return func(x *testkit.Exchange) { x.Reply(200, body) } }
	for _, row := range []struct {
		name   string
		answer func(x *testkit.Exchange)
		reason string
	}{
		{"hangs", func(x *testkit.Exchange) { x.Hang() }, "timed out"},
		{"drips", func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			x.Drip(strings.Repeat(" ", 1000), 20*time.Millisecond)
		}, "timed out"},
		{"resets", func(x *testkit.Exchange) { x.Reset() }, "unreachable"},
		{"breaks off", func(x *testkit.Exchange) { x.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"); x.Finish() }, "unreachable"},
		{"no HTTP", func(x *testkit.Exchange) { x.Send(canary + "\r\n\r\n"); x.Finish() }, "unreachable"},
		{"fails", func(x *testkit.Exchange) { x.Reply(500, canary) }, "answers with status 500"},
		{"sends elsewhere", func(x *testkit.Exchange) { x.Reply(302, "", "Location: http://127.0.0.1:1/"+canary) }, "answers with status 302"},
		{"100 MB", func(x *testkit.Exchange) {
			x.Send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n" + `{"a":"`)
			for x.Send(strings.Repeat("x", 64<<10)) {
			}
		}, "the manifest is larger than 256 KiB"},
		{"wrong JSON", reply(`{"id":"svc",`), "the manifest is not JSON"},
		{"HTML", reply(`<html>` + canary), "the manifest is not JSON"},
		{"a key twice", reply(`{"id":"svc","id":"svc"}`), "the manifest is not JSON"},
		{"a list", reply(`[` + good + `]`), "the manifest is not an object"},
		{"10,000 levels", reply(withSchema(strings.Repeat(`{"not":`, 10_000) + `{}` + strings.Repeat(`}`, 10_000))), "the manifest is nested too deeply"},
		{"many values", reply(withSchema(`{"enum":[` + strings.Repeat(`0,`, maxValues) + `1]}`)), "the manifest holds too many values"},
		{"a large number", reply(withSchema(`{"minimum":1e100000}`)), "the manifest holds a number that is too large or too long"},
		{"another id", reply(strings.Replace(good, `"svc"`, `"`+canary+`"`, 1)), "the manifest is that of another id"},
		{"no name", reply(`{"id":"svc","version":"1"}`), "the name in the manifest is missing"},
		{"an invisible name", reply(`{"id":"svc","name":" \u200b ","version":"1"}`), "the name in the manifest is missing"},
		{"a number for a version", reply(`{"id":"svc","name":"x","version":1}`), "the version in the manifest is not a text"},
		{"a long description", reply(`{"id":"svc","name":"x","version":"1","description":"` + strings.Repeat("x", 2001) + `"}`), "the description in the manifest is too long"},
		{"no schema", reply(`{"id":"svc","name":"x","version":"1"}`), "settings_schema is missing"},
		{"true for a schema", reply(withSchema(`true`)), "settings_schema is not a JSON Schema of draft 2020-12"},
		{"a wrong keyword", reply(withSchema(`{"type":"strin"}`)), "settings_schema is not a JSON Schema of draft 2020-12"},
		{"another draft", reply(withSchema(`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"k":{"$ref":"#/x","writeOnly":true}},"x":{}}`)), "settings_schema is not a JSON Schema of draft 2020-12"},
		{"a draft of its own", reply(withSchema(`{"$schema":"https://example.com/mine"}`)), "settings_schema refers to another document"},
		{"a remote $ref", reply(withSchema(`{"properties":{"a":{"$ref":"http://127.0.0.1:1/` + canary + `.json"}}}`)), "settings_schema refers to another document"},
		{"a file", reply(withSchema(`{"$ref":"file:///etc/hostname"}`)), "settings_schema refers to another document"},
		{"a neighbour", reply(withSchema(`{"$ref":"neighbour.json"}`)), "settings_schema refers to another document"},
		{"the schema of schemas", reply(withSchema(`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`)), "settings_schema refers to another document"},
		{"a $ref to nothing", reply(withSchema(`{"$ref":"#/$defs/none"}`)), "settings_schema is not a JSON Schema of draft 2020-12"},
		{"too much schema", reply(withSchema(`{"enum":[` + strings.Repeat(`0,`, maxSchemaValues) + `1]}`)), "settings_schema is too large"},
		{"look-ahead", reply(withSchema(`{"pattern":"^(?=a)"}`)), "settings_schema holds a pattern that is not understood (look-around and back references are not)"},
		{"repetitions of repetitions", reply(withSchema(`{"patternProperties":{"((a{30}){30}){30}":{}}}`)), "settings_schema holds a pattern that is too large"},
		{"a catastrophic expression", reply(withSchema(`{"pattern":"^(a+)+$"}`)), "settings_schema holds a pattern that may take a browser for ever"},
		{"many large patterns", reply(withSchema(`{"anyOf":[` + manyPatterns(200) + `]}`)), "settings_schema holds too many large patterns"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, p := catalogOf(t, testkit.NewUpstream(t, row.answer).URL)
			c.refresh(t.Context(), p)
			out := p.out()
			require.Equal(t, "unavailable", out.Status)
			require.Equal(t, row.reason, *out.Reason)
			require.Equal(t, "The service", out.Name)
			_, err := p.usable()
			require.ErrorContains(t, err, "The service cannot be used: "+row.reason)
			require.NotContains(t, err.Error(), canary)
			require.True(t, p.admits(&identity.Caller{IsAdmin: true}, nil))
		})
	}
}

func manyPatterns(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"pattern":"^[a-z]{900}%d$"}`, i))
	}
	return strings.Join(list, ",")
}

func TestLastGoodManifestServesWhileTheServiceIsDown(t *testing.T) {
	var body, asked atomic.Value
	body.Store(good)
	up := testkit.NewUpstream(t, func(x *testkit.Exchange) {
		asked.Store(strings.Join(append([]string{x.Line}, x.Headers...), "\n"))
		if b := body.Load().(string); b != "" {
			x.Reply(200, b)
		} else {
			x.Reset()
		}
	})
	c, p := catalogOf(t, up.URL)
	require.Equal(t, notYet, *p.out().Reason)
	for _, row := range []struct{ body, status, reason, version string }{
		{good, "available", "", "1.0"},
		{"", "unavailable", "unreachable", "1.0"},
		{good, "available", "", "1.0"},
		{"{", "unavailable", "the manifest is not JSON", "1.0"},
		{"{", "unavailable", "the manifest is not JSON", "1.0"},
		{strings.Replace(good, "1.0", "1.1", 1), "available", "", "1.1"},
	} {
		body.Store(row.body)
		c.refresh(t.Context(), p)
		out := p.out()
		require.Equal(t, row.status, out.Status)
		require.Equal(t, row.version, out.Version)
		require.Equal(t, "Service", out.Name)
		if row.reason != "" {
			require.Equal(t, row.reason, *out.Reason)
		}
		m, err := p.usable()
		require.NoError(t, err)
		require.Equal(t, `{"properties":{"b":{},"a":{}}}`, string(m.out.SettingsSchema), "in the order of the service")
	}
	require.NotContains(t, strings.ToLower(asked.Load().(string)), "x-user-", "a manifest is asked for on nobody's behalf")
}

func TestManifestIsCleaned(t *testing.T) {
	m, err := readManifest("svc", []byte(`{"id":"svc","name":"  A<script>b\u202e ","version":"1\n2","description":"one\r\ntwo\u0000","icon":null,"required_groups":[" staff\u200b ","b0000000-0000-4000-8000-000000000000"],"settings_schema":{},"more":1}`))
	require.NoError(t, err)
	require.Equal(t, "Ab", m.out.Name)
	require.Equal(t, "1 2", m.out.Version)
	require.Equal(t, "one\ntwo", m.out.Description)
	require.Nil(t, m.out.Icon)
	require.Equal(t, []string{"staff", "b0000000-0000-4000-8000-000000000000"}, m.out.RequiredGroups)

	for value, want := range map[string][]string{
		`["a","b"]`: {"a", "b"}, `[]`: {}, `null`: {}, `"a"`: {}, `["a",1]`: {}, `["a",""]`: {}, `["a",null]`: {}, `{"a":"b"}`: {}, `[["a"]]`: {},
		`["` + strings.Repeat("x", 129) + `"]`: {}, `[` + strings.Repeat(`"x",`, 100) + `"x"]`: {},
	} {
		list, err := parse([]byte(value))
		require.NoError(t, err)
		require.Equal(t, want, groupList(list), value)
	}
}

func TestIcons(t *testing.T) {
	for given, want := range map[string]bool{
		"file-text": true, "mdi home": true, "📄": true, "data:image/png;base64,iVBORw0KGgo=": true, "data:image/webp;base64,AAAA": true,
		"": false, "javascript:alert(1)": false, "https://example.com/x.png": false, "//example.com/x.png": false, "/icons/x.png": false, `\\example.com\x`: false,
		"data:image/svg+xml;base64,AAAA": false, "data:text/html;base64,AAAA": false, "data:image/png;base64,AA\"onerror=x": false, "x&#58;": false,
		"data:image/png;base64," + strings.Repeat("A", maxIcon): false, strings.Repeat("x", 65): false,
	} {
		got := icon(given)
		require.Equal(t, want, got != nil, given)
		if want {
			require.Equal(t, given, *got)
		}
	}
	require.Nil(t, icon(number("1")))
}
